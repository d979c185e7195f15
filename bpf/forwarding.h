/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of open connections, sent on to the next card from here: docs/decisions/xdp-forwarding.md.
 *
 * nftables' flow table says which connections those are, and what becomes of their addresses
 * (net/netfilter/nf_flow_table_bpf.c); the FIB says where the packet would go now. Only where the two agree
 * is it sent on. Where the function is missing, or its types may not be read at load, nothing ever is.
 */
#ifndef PATRONUS_FORWARDING_H
#define PATRONUS_FORWARDING_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "flow_table.h"
#include "maps.h"
#include "parsing.h"
#include "rewriting.h"
#include "shared.h"

#define FLOW_AND_CLASS 0x0fffffff /* traffic class and flow label */

/* How long the kernel goes without a packet for a neighbour, which it asks now and then whether it is there. */
#define NEIGHBOUR_DUE_NS 1000000000ull

/* Whether anything is sent on at all: one number, so that it costs little while it is off. */
static __always_inline bool is_forwarding(void)
{
	__u32 only = 0;
	__u32 *on = bpf_map_lookup_elem(&forwarding, &only);

	return on && *on;
}

/* Whether a packet of this kind may be one in the midst of a connection; what begins or ends one is the kernel's. */
static __always_inline bool is_underway(__u8 protocol, __u8 tcp_flags)
{
	if (protocol == IPPROTO_TCP)
		return !(tcp_flags & (TCP_FLAG_FIN_BIT | TCP_FLAG_SYN_BIT | TCP_FLAG_RST_BIT));
	return protocol == IPPROTO_UDP;
}

/*
 * Whether it is the kernel's turn: of the packets to a neighbour it gets one in a while from each processor,
 * by which it keeps the neighbour, and the flow's route, up to date.
 */
static __always_inline bool is_due(const struct bpf_fib_lookup *way)
{
	__u32 slot = (way->dmac[3] << 16 | way->dmac[4] << 8 | way->dmac[5]) % NEIGHBOURS;
	struct neighbour *kept = bpf_map_lookup_elem(&neighbours, &slot);
	__u64 now = bpf_ktime_get_coarse_ns();

	if (!kept)
		return true;
	if (kept->ifindex == way->ifindex && now < kept->due_ns &&
	    !__builtin_memcmp(kept->mac, way->dmac, sizeof(kept->mac)))
		return false;
	kept->due_ns = now + NEIGHBOUR_DUE_NS;
	kept->ifindex = way->ifindex;
	__builtin_memcpy(kept->mac, way->dmac, sizeof(kept->mac));
	return true;
}

/* Whether an IP packet of so many bytes is what the frame holds; one may be filled up to Ethernet's shortest. */
static __always_inline bool is_whole(const struct frame *frame, __u32 bytes)
{
	if (bytes > frame->bytes || bytes < frame->headers)
		return false;
	return bytes == frame->bytes || frame->bytes <= ETH_ZLEN - sizeof(struct ethhdr);
}

/* Read what flow table and FIB are asked; false where the packet is none that may be sent on. */
static __always_inline bool read_ipv4(const struct frame *frame, struct bpf_fib_lookup *way)
{
	const struct iphdr *header = frame->network;
	__u16 bytes = bpf_ntohs(header->tot_len);

	if (header->ihl != 5 || header->ttl <= 1 || ipv4_is_fragment(header) ||
	    !is_whole(frame, bytes))
		return false;
	way->family = AF_INET;
	way->l4_protocol = header->protocol;
	way->sport = frame->ports->source_be;
	way->dport = frame->ports->dest_be;
	way->tot_len = bytes;
	way->tos = header->tos;
	way->ipv4_src = header->saddr;
	way->ipv4_dst = header->daddr;
	return true;
}

static __always_inline bool read_ipv6(const struct frame *frame, struct bpf_fib_lookup *way)
{
	const struct ipv6hdr *header = frame->network;
	__u32 bytes = bpf_ntohs(header->payload_len) + sizeof(*header);

	if (header->hop_limit <= 1 || !is_whole(frame, bytes))
		return false;
	way->family = AF_INET6;
	way->l4_protocol = header->nexthdr;
	way->sport = frame->ports->source_be;
	way->dport = frame->ports->dest_be;
	way->tot_len = bytes;
	way->flowinfo = *(const __be32 *)header & bpf_htonl(FLOW_AND_CLASS);
	__builtin_memcpy(way->ipv6_src, &header->saddr, 16);
	__builtin_memcpy(way->ipv6_dst, &header->daddr, 16);
	return true;
}

/* Whether the FIB, asked now, sends the packet where its flow would go. */
static __always_inline bool is_next_hop(const struct next_hop *hop,
					const struct bpf_fib_lookup *way)
{
	if (hop->ifindex != way->ifindex)
		return false;
	if (way->family == AF_INET6)
		return !__builtin_memcmp(hop->address_be, way->ipv6_dst, 16);
	return way->family == AF_INET && hop->address_be[0] == way->ipv4_dst;
}

/* Where the packet goes, and what becomes of its ends; false: the kernel decides. */
static __always_inline bool find_way(struct xdp_md *ctx, __u32 family, struct bpf_fib_lookup *way,
				     struct endpoints *after)
{
	struct next_hop hop = {};
	const struct flow_offload_tuple_rhash *flow = find_flow(ctx, way);

	if (!flow || !read_flow(flow, family, way->tot_len, after, &hop))
		return false;
	if (family == 6) {
		__builtin_memcpy(way->ipv6_dst, after->words_be + 4, 16);
		way->dport = after->words_be[8] >> 16;
	} else {
		way->ipv4_dst = after->words_be[1];
		way->dport = after->words_be[2] >> 16;
	}
	return bpf_fib_lookup(ctx, way, sizeof(*way), 0) == BPF_FIB_LKUP_RET_SUCCESS &&
	       is_next_hop(&hop, way);
}

static __always_inline enum reason send_on(struct xdp_md *ctx, __u32 family, __u32 protocol)
{
	struct bpf_fib_lookup way = { .ifindex = ctx->ingress_ifindex };
	struct endpoints after = {};
	struct frame frame = {};

	if (!can_look_up_flows() || !find_headers(ctx, &frame, family, protocol))
		return REASON_PASS;
	if (!bpf_map_lookup_elem(&ways_out, &way.ifindex))
		return REASON_PASS;
	if (!(family == 6 ? read_ipv6(&frame, &way) : read_ipv4(&frame, &way)))
		return REASON_PASS;
	if (!find_way(ctx, family, &way, &after) || is_due(&way))
		return REASON_PASS;
	if (bpf_redirect_map(&ways_out, way.ifindex, XDP_PASS) != XDP_REDIRECT)
		return REASON_PASS;
	rewrite(&frame, family, &way, &after);
	return REASON_FORWARD;
}

/*
 * Send the packet on if it may be: REASON_FORWARD, else REASON_PASS with nothing changed. The caller has seen
 * that nothing stands between its Ethernet and its IP header, and nothing between that and the upper layer.
 * Global functions of numbers, as judge_opening is.
 */
__noinline __u32 send_on_ipv4(struct xdp_md *ctx, __u32 protocol)
{
	return send_on(ctx, 4, protocol);
}

__noinline __u32 send_on_ipv6(struct xdp_md *ctx, __u32 protocol)
{
	return send_on(ctx, 6, protocol);
}

#endif
