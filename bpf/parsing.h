/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cursor over the packet and one bounds-checked parser per header.
 *
 * Each parser returns the header and moves the cursor behind it, or returns NULL and leaves the
 * cursor where it was when the header is cut short or impossible. Only the linear part of the
 * packet is read: headers always lie in it.
 */
#ifndef PATRONUS_PARSING_H
#define PATRONUS_PARSING_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN_DEPTH_MAX 2 /* IEEE 802.1ad: a service and a customer tag */
#define VLAN_ID_MASK   0xfff
#define EXTENSIONS_MAX 8 /* RFC 8200 names seven kinds, destination options may come twice */

#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET_MASK    0x1fff
#define IPV6_MORE_FRAGMENTS 0x0001
#define IPV6_OFFSET_MASK    0xfff8

#define ICMP_ECHO_REQUEST   8	/* RFC 792 */
#define ICMPV6_ECHO_REQUEST 128 /* RFC 4443 section 4.1 */

#define TCP_FLAGS_OFFSET  13 /* RFC 9293 section 3.1 */
#define TCP_FLAG_FIN_BIT  0x01
#define TCP_FLAG_SYN_BIT  0x02
#define TCP_FLAG_RST_BIT  0x04
#define TCP_FLAG_ACK_BIT  0x10
#define TCP_FLAGS_OPENING 0x17 /* FIN, SYN, RST and ACK: what tells the first packet */

struct cursor {
	void *pos;
	void *end;
};

struct vlan_tag {
	__be16 tci_be;
	__be16 inner_type_be;
};

/* The common start of IPv6 extension headers (RFC 6564 section 4). */
struct ipv6_extension {
	__u8 next_header;
	__u8 length;
	__u8 options[6];
};

/* RFC 8200 section 4.5 */
struct ipv6_fragment {
	__u8 next_header;
	__u8 reserved;
	__be16 offset_be;
	__be32 id_be;
};

/* The ports open a TCP and a UDP header alike. */
struct ports {
	__be16 source_be;
	__be16 dest_be;
};

/* What the IPv6 chain of extension headers led to. */
enum chain {
	CHAIN_DONE,	 /* protocol is the upper layer, the cursor stands before it */
	CHAIN_FRAGMENT,	 /* a fragment: no upper layer is looked at */
	CHAIN_MALFORMED, /* an extension header is cut short */
	CHAIN_DEPTH,	 /* more than EXTENSIONS_MAX headers */
};

static __always_inline struct cursor cursor_over(struct xdp_md *ctx)
{
	struct cursor cursor = {
		.pos = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};

	return cursor;
}

/* The next `size` bytes (a constant), or NULL. */
static __always_inline void *take(struct cursor *cursor, __u32 size)
{
	void *start = cursor->pos;

	if (start + size > cursor->end)
		return NULL;
	cursor->pos = start + size;
	return start;
}

static __always_inline struct ethhdr *parse_ethernet(struct cursor *cursor)
{
	return take(cursor, sizeof(struct ethhdr));
}

static __always_inline bool is_vlan(__be16 eth_type_be)
{
	return eth_type_be == bpf_htons(ETH_P_8021Q) || eth_type_be == bpf_htons(ETH_P_8021AD);
}

static __always_inline struct vlan_tag *parse_vlan(struct cursor *cursor)
{
	return take(cursor, sizeof(struct vlan_tag));
}

/* RFC 791 section 3.1; options are skipped. */
static __always_inline struct iphdr *parse_ipv4(struct cursor *cursor)
{
	struct iphdr *header = cursor->pos;
	__u32 size;

	if ((void *)(header + 1) > cursor->end)
		return NULL;
	size = header->ihl * 4;
	if (header->version != 4 || size < sizeof(*header))
		return NULL;
	if (cursor->pos + size > cursor->end)
		return NULL;
	cursor->pos += size;
	return header;
}

static __always_inline bool ipv4_is_fragment(const struct iphdr *header)
{
	return header->frag_off & bpf_htons(IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK);
}

/* RFC 8200 section 3, the fixed header alone. */
static __always_inline struct ipv6hdr *parse_ipv6(struct cursor *cursor)
{
	struct ipv6hdr *header = cursor->pos;

	if ((void *)(header + 1) > cursor->end || header->version != 6)
		return NULL;
	cursor->pos = header + 1;
	return header;
}

static __always_inline bool is_extension(__u8 next_header)
{
	switch (next_header) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_MH:
		return true;
	default:
		return false;
	}
}

/* Bytes of an extension header that is no fragment header; AH counts in words (RFC 4302). */
static __always_inline __u32 extension_size(const struct ipv6_extension *header, __u8 kind)
{
	if (kind == IPPROTO_AH)
		return (header->length + 2) * 4;
	return (header->length + 1) * 8;
}

/* An atomic fragment (RFC 6946) is whole, so it is no fragment to us. */
static __always_inline bool ipv6_is_fragment(const struct ipv6_extension *header)
{
	const struct ipv6_fragment *fragment = (const void *)header;

	return fragment->offset_be & bpf_htons(IPV6_MORE_FRAGMENTS | IPV6_OFFSET_MASK);
}

/*
 * Behind these nftables does not look for the upper layer, or looks at another packet: the
 * fragments put together.
 */
static __always_inline bool hides_upper_layer(__u8 kind)
{
	return kind == IPPROTO_AH || kind == IPPROTO_MH || kind == IPPROTO_FRAGMENT;
}

/* Where a chain of extension headers ended: enum chain, upper protocol, offset in the packet. */
#define CHAIN_RESULT(chain, protocol, offset) ((chain) << 24 | (__u32)(protocol) << 16 | (offset))
#define CHAIN_HIDDEN			      0x80000000u /* a header on the way hides the upper layer */
#define CHAIN_OF(result)		      ((result) >> 24 & 0x7f)
#define CHAIN_PROTOCOL(result)		      ((result) >> 16 & 0xff)
#define CHAIN_OFFSET(result)		      ((result) & CHAIN_OFFSET_MAX)
#define CHAIN_OFFSET_MAX		      0x7fff

/*
 * Walk the extension headers from `offset` on, the first of which is of the kind `protocol`. A
 * fragment's protocol is what its fragment header names.
 *
 * A global function: the verifier looks at it once, for any offset, and not again for each way
 * through the headers before it (a tenfold saving). Packets without extension headers skip it.
 */
__noinline __u32 walk_extensions(struct xdp_md *ctx, __u32 offset, __u8 protocol)
{
	void *start = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 hidden = 0;

	for (int depth = 0; depth < EXTENSIONS_MAX; depth++) {
		struct ipv6_extension *header;
		__u8 kind = protocol;

		if (!is_extension(kind))
			return CHAIN_RESULT(CHAIN_DONE, kind, offset) | hidden;
		if (hides_upper_layer(kind))
			hidden = CHAIN_HIDDEN;
		if (offset > CHAIN_OFFSET_MAX)
			return CHAIN_RESULT(CHAIN_MALFORMED, kind, 0);
		header = start + offset;
		if ((void *)(header + 1) > end)
			return CHAIN_RESULT(CHAIN_MALFORMED, kind, 0);
		protocol = header->next_header;
		if (kind != IPPROTO_FRAGMENT)
			offset += extension_size(header, kind);
		else if (ipv6_is_fragment(header))
			return CHAIN_RESULT(CHAIN_FRAGMENT, protocol, offset);
		else
			offset += sizeof(*header);
		if (offset > end - start)
			return CHAIN_RESULT(CHAIN_MALFORMED, kind, 0);
	}
	return CHAIN_RESULT(is_extension(protocol) ? CHAIN_DEPTH : CHAIN_DONE, protocol, offset) |
	       hidden;
}

/*
 * Move behind the extension headers. *protocol is the fixed header's next header on entry and the
 * upper layer's protocol afterwards; *hidden says whether nftables would not find it there.
 */
static __always_inline enum chain parse_extensions(struct xdp_md *ctx, struct cursor *cursor,
						   __u8 *protocol, bool *hidden)
{
	void *start = (void *)(long)ctx->data;
	__u32 result;

	if (!is_extension(*protocol))
		return CHAIN_DONE;
	result = walk_extensions(ctx, cursor->pos - start, *protocol);
	*protocol = CHAIN_PROTOCOL(result);
	*hidden = result & CHAIN_HIDDEN;
	cursor->pos = start + CHAIN_OFFSET(result);
	return CHAIN_OF(result);
}

/* RFC 9293 section 3.1; options are left alone. */
static __always_inline struct tcphdr *parse_tcp(struct cursor *cursor)
{
	struct tcphdr *header = take(cursor, sizeof(*header));

	return header && header->doff >= 5 ? header : NULL;
}

static __always_inline struct udphdr *parse_udp(struct cursor *cursor)
{
	return take(cursor, sizeof(struct udphdr));
}

#endif
