/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet made into the one that the kernel would send: addresses and ports of the flow's other end, a hop
 * less, the sums that go with it, and the next hop's Ethernet address.
 */
#ifndef PATRONUS_REWRITING_H
#define PATRONUS_REWRITING_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flow_table.h"
#include "parsing.h"

/* The headers of a packet that has nothing between them, and all of it in one piece. */
struct frame {
	struct ethhdr *ethernet;
	void *network;
	struct ports *ports;
	struct tcphdr *tcp; /* NULL where it is UDP */
	struct udphdr *udp; /* NULL where it is TCP */
	__u32 headers;	    /* bytes of both */
	__u32 bytes;	    /* from the IP header on; the wire may have filled it up */
};

/* Find the headers; false where a piece is missing. */
static __always_inline bool find_headers(struct xdp_md *ctx, struct frame *frame, __u32 family,
					 __u32 protocol)
{
	struct cursor cursor = cursor_over(ctx);
	__u32 linear = cursor.end - cursor.pos;

	frame->bytes = linear - sizeof(struct ethhdr);
	frame->ethernet = parse_ethernet(&cursor);
	frame->network = cursor.pos;
	if (!frame->ethernet || bpf_xdp_get_buff_len(ctx) != linear ||
	    !take(&cursor, family == 6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)))
		return false;
	frame->ports = cursor.pos;
	if (protocol == IPPROTO_TCP)
		frame->tcp = take(&cursor, sizeof(struct tcphdr));
	else
		frame->udp = take(&cursor, sizeof(struct udphdr));
	frame->headers = cursor.pos - frame->network;
	return frame->tcp || frame->udp;
}

/* The sum of what `size` bytes were changed in (RFC 1624 section 3, equation 3). */
static __always_inline __u16 sum_after(__u16 sum, const void *from, const void *to, __u32 size)
{
	__u32 found = bpf_csum_diff((void *)from, size, (void *)to, size, (__u16)~sum);

	found = (found & 0xffff) + (found >> 16);
	found = (found & 0xffff) + (found >> 16);
	return ~found;
}

/* Sums of TCP and UDP cover addresses and ports. UDP may go without one, and 0 says so (RFC 768). */
static __always_inline void rewrite_upper_sum(const struct frame *frame, const void *from,
					      const void *to, __u32 size)
{
	struct udphdr *udp = frame->udp;

	if (frame->tcp) {
		frame->tcp->check = sum_after(frame->tcp->check, from, to, size);
	} else if (udp && udp->check) {
		udp->check = sum_after(udp->check, from, to, size);
		if (!udp->check)
			udp->check = 0xffff;
	}
}

/* RFC 1141: a hop less is 0x0100 less in its word. */
static __always_inline void rewrite_ipv4(const struct frame *frame, const struct endpoints *after)
{
	struct iphdr *header = frame->network;
	__be32 *ends = &header->saddr;
	__u32 sum;

	if (__builtin_memcmp(ends, after->words_be, ENDPOINTS_SIZE(4))) {
		rewrite_upper_sum(frame, ends, after->words_be, ENDPOINTS_SIZE(4));
		header->check = sum_after(header->check, ends, after->words_be, 8);
		__builtin_memcpy(ends, after->words_be, ENDPOINTS_SIZE(4));
	}
	sum = header->check + bpf_htons(0x0100);
	header->check = sum + (sum >= 0xffff);
	header->ttl--;
}

static __always_inline void rewrite_ipv6(const struct frame *frame, const struct endpoints *after)
{
	struct ipv6hdr *header = frame->network;
	void *ends = &header->saddr;

	if (__builtin_memcmp(ends, after->words_be, ENDPOINTS_SIZE(6))) {
		rewrite_upper_sum(frame, ends, after->words_be, ENDPOINTS_SIZE(6));
		__builtin_memcpy(ends, after->words_be, ENDPOINTS_SIZE(6));
	}
	header->hop_limit--;
}

static __always_inline void rewrite(const struct frame *frame, __u32 family,
				    const struct bpf_fib_lookup *way, const struct endpoints *after)
{
	if (family == 6)
		rewrite_ipv6(frame, after);
	else
		rewrite_ipv4(frame, after);
	__builtin_memcpy(frame->ethernet->h_dest, way->dmac, ETH_ALEN);
	__builtin_memcpy(frame->ethernet->h_source, way->smac, ETH_ALEN);
}

#endif
