// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The XDP firewall: drops what the blocklist names, the first packets of connections that a rule drops,
 * and those of a source beyond its limits; counts every packet by reason, accounts flows and samples
 * drops. Whatever it does not drop goes to the stack, where nftables decides.
 *
 * It only ever drops what nftables drops too: packets whose source is on the blocklist, unless
 * the never-block list covers it, what docs/decisions/xdp.md proves of rules, and what a guard limits
 * that nftables has as well. A packet that cannot be read is left to the stack.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "blocklist.h"
#include "forwarding.h"
#include "limits.h"
#include "maps.h"
#include "parsing.h"
#include "rules.h"
#include "shared.h"

/* A section of its own, so that the loader can write the whole structure at once. */
const volatile struct settings settings SEC(".rodata.settings") = {
	.sample_every = 1,
	.flow_table = 1,
};

/*
 * Whether the never-block list overruled a block. Neither is 0, and what holds it is volatile: the verifier
 * follows a number in a register, or a 0, and would go through all the rest once for each answer.
 */
enum mercy {
	MERCY_UNASKED = 1,
	MERCY_GIVEN,
};

/* What the way through the headers found out. */
struct packet {
	struct cursor cursor;
	const void *saddr; /* into the packet; NULL until an IP header was read */
	const void *daddr;
	__u32 bytes;
	__be16 eth_type_be;
	__u16 vlan_id;
	__u16 tags[VLAN_DEPTH_MAX]; /* as in struct rule_ingress */
	__u8 family;
	__u64 rule; /* the rule that drops it */
};

/* RFC 4291 section 2.5.5.2: the never-block trie holds both families in one form. */
static __always_inline bool is_never(const struct packet *packet)
{
	struct prefix_key key = { .length = 128 };

	if (packet->family == 6) {
		__builtin_memcpy(key.address, packet->saddr, 16);
	} else {
		key.address[10] = 0xff;
		key.address[11] = 0xff;
		__builtin_memcpy(key.address + 12, packet->saddr, 4);
	}
	return bpf_map_lookup_elem(&never, &key);
}

/* Ports and TCP flags behind the IP header; false when the header is cut short. */
static __always_inline bool read_upper_layer(struct cursor *cursor, __u8 protocol,
					     struct ports *ports, __u8 *tcp_flags)
{
	struct tcphdr *tcp;
	struct udphdr *udp;

	switch (protocol) {
	case IPPROTO_TCP:
		tcp = parse_tcp(cursor);
		if (!tcp)
			return false;
		ports->source_be = tcp->source;
		ports->dest_be = tcp->dest;
		*tcp_flags = ((__u8 *)tcp)[TCP_FLAGS_OFFSET];
		return true;
	case IPPROTO_UDP:
		udp = parse_udp(cursor);
		if (!udp)
			return false;
		ports->source_be = udp->source;
		ports->dest_be = udp->dest;
		return true;
	default:
		return true;
	}
}

static __always_inline void account(void *flows, const void *key, __u32 bytes, __u8 tcp_flags)
{
	struct flow_stats *stats = bpf_map_lookup_elem(flows, key);
	struct flow_stats first = {
		.packets = 1,
		.bytes = bytes,
		.tcp_flags = tcp_flags,
	};

	if (!stats) {
		first.last_seen_ns = bpf_ktime_get_coarse_ns();
		bpf_map_update_elem(flows, key, &first, BPF_NOEXIST);
		return;
	}
	stats->packets++;
	stats->bytes += bytes;
	stats->last_seen_ns = bpf_ktime_get_coarse_ns();
	stats->tcp_flags |= tcp_flags;
}

/* The first packet of a connection (RFC 9293 section 3.5). */
static __always_inline bool opens(__u8 tcp_flags)
{
	return (tcp_flags & (TCP_FLAG_SYN_BIT | TCP_FLAG_ACK_BIT)) == TCP_FLAG_SYN_BIT;
}

/* Whether a packet is one that a limit or a rule asks for; nothing more is done for any other. */
static __always_inline bool is_asked_for(__u8 protocol, __u8 tcp_flags)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return opens(tcp_flags) && (has_rules() || is_limited(KIND(LIMIT_SYN)));
	case IPPROTO_UDP:
		return is_limited(KIND(LIMIT_UDP));
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return is_limited(KIND(LIMIT_ICMP));
	default:
		return false;
	}
}

/* Ask the limits and the rules; `network` and `upper` are where the headers start. */
static __always_inline enum reason judge_further(struct xdp_md *ctx, struct packet *packet,
						 const void *network, const void *upper,
						 __u8 protocol, __u8 tcp_flags)
{
	const void *start = (void *)(long)ctx->data;
	__u32 offsets = OPENING_OFFSETS(network - start, upper - start);
	__u32 tags = OPENING_TAGS(packet->tags[0], packet->tags[1]);
	__u32 kind = OPENING_KIND(packet->family, protocol, tcp_flags);
	__u64 origin =
		0; /* not packet->rule: what a function may write into lies in memory, whole */
	enum reason reason = judge_opening(ctx, offsets, tags, kind, &origin);

	packet->rule = origin;
	return reason;
}

/* Whether to see if the packet, which has neither options nor extensions, may be sent on. */
static __always_inline bool is_sent_on(const struct packet *packet, enum reason reason,
				       __u8 protocol, __u8 tcp_flags)
{
	return settings.forwarding && reason == REASON_PASS && !packet->tags[0] &&
	       is_underway(protocol, tcp_flags) && is_forwarding();
}

static __always_inline enum reason judge_ipv4(struct xdp_md *ctx, struct packet *packet)
{
	struct flow_key_ipv4 key = { .vlan_id = packet->vlan_id };
	struct ports ports = {};
	struct iphdr *header = parse_ipv4(&packet->cursor);
	enum reason reason = REASON_PASS;
	__u8 tcp_flags = 0;
	volatile __u8 mercy = MERCY_UNASKED;
	const void *upper;
	bool fragment;

	if (!header)
		return REASON_PASS_MALFORMED;
	packet->family = 4;
	packet->saddr = &header->saddr;
	packet->daddr = &header->daddr;
	if (ipv4_is_blocked(header->saddr)) {
		if (!is_never(packet))
			return REASON_DROP_BLOCK_IPV4;
		mercy = MERCY_GIVEN;
	}

	fragment = ipv4_is_fragment(header);
	upper = packet->cursor.pos;
	if (!fragment && !read_upper_layer(&packet->cursor, header->protocol, &ports, &tcp_flags))
		return REASON_PASS_MALFORMED;
	if (!fragment && is_asked_for(header->protocol, tcp_flags))
		reason = judge_further(ctx, packet, header, upper, header->protocol, tcp_flags);
	if (reason >= REASON_DROP_FIRST)
		return reason;
	if (settings.flow_table) {
		key.saddr_be = header->saddr;
		key.daddr_be = header->daddr;
		key.sport_be = ports.source_be;
		key.dport_be = ports.dest_be;
		key.protocol = header->protocol;
		account(&flows_ipv4, &key, packet->bytes, tcp_flags);
	}
	if (mercy == MERCY_GIVEN)
		return REASON_PASS_NEVER;
	if (fragment)
		return REASON_PASS_FRAGMENT;
	if (upper == header + 1 && is_sent_on(packet, reason, header->protocol, tcp_flags))
		return send_on_ipv4(ctx, header->protocol);
	return reason;
}

static __always_inline enum reason judge_ipv6(struct xdp_md *ctx, struct packet *packet)
{
	struct flow_key_ipv6 key = { .vlan_id = packet->vlan_id };
	struct ports ports = {};
	struct ipv6hdr *header = parse_ipv6(&packet->cursor);
	enum reason reason = REASON_PASS;
	volatile __u8 mercy = MERCY_UNASKED;
	bool hidden = false;
	__u8 tcp_flags = 0;
	const void *upper;
	enum chain chain;

	if (!header)
		return REASON_PASS_MALFORMED;
	packet->family = 6;
	packet->saddr = &header->saddr;
	packet->daddr = &header->daddr;
	if (ipv6_is_blocked(&header->saddr)) {
		if (!is_never(packet))
			return REASON_DROP_BLOCK_IPV6;
		mercy = MERCY_GIVEN;
	}

	key.protocol = header->nexthdr;
	chain = parse_extensions(ctx, &packet->cursor, &key.protocol, &hidden);
	if (chain == CHAIN_MALFORMED)
		return REASON_PASS_MALFORMED;
	if (chain == CHAIN_DEPTH)
		return REASON_PASS_EXTENSION_DEPTH;
	upper = packet->cursor.pos;
	if (chain == CHAIN_DONE &&
	    !read_upper_layer(&packet->cursor, key.protocol, &ports, &tcp_flags))
		return REASON_PASS_MALFORMED;
	if (chain == CHAIN_DONE && !hidden && is_asked_for(key.protocol, tcp_flags))
		reason = judge_further(ctx, packet, header, upper, key.protocol, tcp_flags);
	if (reason >= REASON_DROP_FIRST)
		return reason;
	if (settings.flow_table) {
		__builtin_memcpy(key.saddr, &header->saddr, sizeof(key.saddr));
		__builtin_memcpy(key.daddr, &header->daddr, sizeof(key.daddr));
		key.sport_be = ports.source_be;
		key.dport_be = ports.dest_be;
		account(&flows_ipv6, &key, packet->bytes, tcp_flags);
	}
	if (mercy == MERCY_GIVEN)
		return REASON_PASS_NEVER;
	if (chain == CHAIN_FRAGMENT)
		return REASON_PASS_FRAGMENT;
	if (upper == header + 1 && is_sent_on(packet, reason, key.protocol, tcp_flags))
		return send_on_ipv6(ctx, key.protocol);
	return reason;
}

/* Reads the Ethernet header and the VLAN tags; anything but REASON_PASS ends the way. */
static __always_inline enum reason read_link_layer(struct packet *packet)
{
	struct ethhdr *ethernet = parse_ethernet(&packet->cursor);

	if (!ethernet)
		return REASON_PASS_MALFORMED;
	packet->eth_type_be = ethernet->h_proto;
	for (int depth = 0; depth < VLAN_DEPTH_MAX && is_vlan(packet->eth_type_be); depth++) {
		struct vlan_tag *tag = parse_vlan(&packet->cursor);
		__u16 vlan_id;

		if (!tag)
			return REASON_PASS_MALFORMED;
		vlan_id = bpf_ntohs(tag->tci_be) & VLAN_ID_MASK;
		packet->tags[depth] =
			vlan_id | (packet->eth_type_be == bpf_htons(ETH_P_8021Q) ? TAG_CUSTOMER
										 : TAG_SERVICE);
		if (depth == 0)
			packet->vlan_id = vlan_id;
		packet->eth_type_be = tag->inner_type_be;
	}
	return is_vlan(packet->eth_type_be) ? REASON_PASS_VLAN_DEPTH : REASON_PASS;
}

static __always_inline enum reason judge(struct xdp_md *ctx, struct packet *packet)
{
	enum reason reason = read_link_layer(packet);

	if (reason != REASON_PASS)
		return reason;
	if (packet->eth_type_be == bpf_htons(ETH_P_IP))
		return judge_ipv4(ctx, packet);
	if (packet->eth_type_be == bpf_htons(ETH_P_IPV6))
		return judge_ipv6(ctx, packet);
	return REASON_PASS_NOT_IP;
}

/* Returns false when the ring buffer is full. */
static __always_inline bool emit(struct xdp_md *ctx, const struct packet *packet,
				 enum reason reason)
{
	struct drop_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return false;
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = bpf_ktime_get_coarse_ns();
	event->rule = packet->rule;
	event->ifindex = ctx->ingress_ifindex;
	event->bytes = packet->bytes;
	event->vlan_id = packet->vlan_id;
	event->reason = reason;
	event->family = packet->family;
	if (packet->family == 6) {
		__builtin_memcpy(event->saddr, packet->saddr, 16);
		__builtin_memcpy(event->daddr, packet->daddr, 16);
	} else {
		__builtin_memcpy(event->saddr, packet->saddr, 4);
		__builtin_memcpy(event->daddr, packet->daddr, 4);
	}
	bpf_ringbuf_submit(event, 0);
	return true;
}

static __always_inline void count(struct xdp_md *ctx, const struct packet *packet,
				  enum reason reason)
{
	__u32 key = reason;
	struct counter *counter = bpf_map_lookup_elem(&counters, &key);

	if (!counter)
		return;
	if (reason >= REASON_DROP_FIRST && settings.sample_every &&
	    counter->packets % settings.sample_every == 0 && !emit(ctx, packet, reason))
		counter->events_lost++;
	counter->packets++;
	counter->bytes += packet->bytes;
}

SEC("xdp.frags")
int xdp_firewall(struct xdp_md *ctx)
{
	struct packet packet = {
		.cursor = cursor_over(ctx),
		.bytes = bpf_xdp_get_buff_len(ctx),
	};
	enum reason reason = judge(ctx, &packet);

	count(ctx, &packet, reason);
	if (reason == REASON_FORWARD)
		return XDP_REDIRECT;
	return reason >= REASON_DROP_FIRST ? XDP_DROP : XDP_PASS;
}

/* Run on a test packet: whether the program can ask conntrack, without which rules drop nothing. */
SEC("xdp")
int xdp_asks_conntrack(struct xdp_md *ctx __attribute__((unused)))
{
	return can_ask_conntrack();
}

/* Run on a test packet: whether the part that sends on is there, and can ask the flow table. */
SEC("xdp")
int xdp_asks_flow_table(struct xdp_md *ctx __attribute__((unused)))
{
	return settings.forwarding && can_look_up_flows();
}

char LICENSE[] SEC("license") = "GPL";
