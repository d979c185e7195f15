/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet that may open a connection or a flow, or ask for an echo: what limits and rules ask of it.
 */
#ifndef PATRONUS_OPENING_H
#define PATRONUS_OPENING_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "connections.h"
#include "maps.h"
#include "parsing.h"
#include "shared.h"

struct opening {
	struct bpf_sock_tuple tuple;
	__u16 tags[2]; /* as in struct rule_ingress */
	__u32 bytes;   /* from the IP header on, which is what nftables counts */
	__u32 upper;   /* where the upper layer starts */
	__u8 family;
	__u8 protocol;
	__u8 tcp_flags;
	__u8 pad;
};

/* What a global function is told of a packet: numbers, which the verifier need not follow into it. */
#define OPENING_OFFSETS(network, upper)		  ((__u32)(network) << 16 | (__u16)(upper))
#define OPENING_TAGS(outer, inner)		  ((__u32)(outer) << 16 | (inner))
#define OPENING_KIND(family, protocol, tcp_flags) ((family) << 16 | (protocol) << 8 | (tcp_flags))

/* Bytes at an offset, or NULL. */
static __always_inline void *at(const struct xdp_md *ctx, __u32 offset, __u32 size)
{
	void *start = (void *)(long)ctx->data + (offset & CHAIN_OFFSET_MAX);

	return start + size > (void *)(long)ctx->data_end ? NULL : start;
}

static __always_inline bool read_ports(const struct xdp_md *ctx, const struct opening *opening,
				       __be16 *source_be, __be16 *dest_be)
{
	struct ports *ports;

	if (opening->protocol != IPPROTO_TCP && opening->protocol != IPPROTO_UDP)
		return true;
	ports = at(ctx, opening->upper, sizeof(*ports));
	if (!ports)
		return false;
	*source_be = ports->source_be;
	*dest_be = ports->dest_be;
	return true;
}

static __always_inline bool read_opening_ipv4(const struct xdp_md *ctx, struct opening *opening,
					      __u32 network)
{
	struct iphdr *header = at(ctx, network, sizeof(*header));

	if (!header)
		return false;
	opening->tuple.ipv4.saddr = header->saddr;
	opening->tuple.ipv4.daddr = header->daddr;
	opening->bytes = bpf_ntohs(header->tot_len);
	return read_ports(ctx, opening, &opening->tuple.ipv4.sport, &opening->tuple.ipv4.dport);
}

static __always_inline bool read_opening_ipv6(const struct xdp_md *ctx, struct opening *opening,
					      __u32 network)
{
	struct ipv6hdr *header = at(ctx, network, sizeof(*header));

	if (!header)
		return false;
	__builtin_memcpy(opening->tuple.ipv6.saddr, &header->saddr, 16);
	__builtin_memcpy(opening->tuple.ipv6.daddr, &header->daddr, 16);
	opening->bytes = bpf_ntohs(header->payload_len) + sizeof(*header);
	return read_ports(ctx, opening, &opening->tuple.ipv6.sport, &opening->tuple.ipv6.dport);
}

/* Read it again from the packet; false never happens, since the headers were read before. */
static __always_inline bool read_opening(const struct xdp_md *ctx, struct opening *opening,
					 __u32 offsets, __u32 tags, __u32 kind)
{
	opening->tags[0] = tags >> 16;
	opening->tags[1] = tags;
	opening->upper = offsets & 0xffff;
	opening->family = kind >> 16;
	opening->protocol = kind >> 8;
	opening->tcp_flags = kind;
	if (opening->family == 6)
		return read_opening_ipv6(ctx, opening, offsets >> 16);
	return read_opening_ipv4(ctx, opening, offsets >> 16);
}

static __always_inline void set_ingress(struct rule_ingress *ingress, const struct xdp_md *ctx,
					const struct opening *opening)
{
	ingress->ifindex = ctx->ingress_ifindex;
	ingress->tags[0] = opening->tags[0];
	ingress->tags[1] = opening->tags[1];
}

/* Whether conntrack knows nothing of it, for sure. */
static __always_inline bool is_new(struct xdp_md *ctx, struct opening *opening)
{
	__u32 size =
		opening->family == 6 ? sizeof(opening->tuple.ipv6) : sizeof(opening->tuple.ipv4);

	return is_unknown(ctx, &opening->tuple, size, opening->protocol);
}

/* Count the drop under the rule or guard of `origin`; false where nobody counts for it any more. */
static __always_inline bool count_drop(const struct opening *opening, __u64 origin)
{
	struct counter *counter = bpf_map_lookup_elem(&rule_drops, &origin);

	if (!counter)
		return false;
	counter->packets++;
	counter->bytes += opening->bytes;
	return true;
}

#endif
