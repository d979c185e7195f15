/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits by source: how many connections and flows it may open in a time, and how many echoes it may ask
 * for. Only what conntrack does not know is dropped, so that nothing open is ever limited.
 */
#ifndef PATRONUS_LIMITS_H
#define PATRONUS_LIMITS_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"
#include "opening.h"
#include "parsing.h"
#include "shared.h"

/* Tries to take out of a bucket while other processors do; who loses them all passes. */
#define SPEND_TRIES 2

#define LIMIT_NONE LIMIT_KIND_MAX

#define KIND(kind) (1u << (kind))
#define ANYTHING   (KIND(LIMIT_KIND_MAX) - 1)

/* Whether anything of the kinds, bits of one number, is limited anywhere. */
static __always_inline bool is_limited(__u32 which)
{
	__u32 only = 0;
	__u32 *kinds = bpf_map_lookup_elem(&limited_kinds, &only);

	return kinds && *kinds & which;
}

/* The generic cell rate algorithm (ITU-T I.371): one number, so that processors need no lock. */
static __always_inline bool spend(__u64 *spent_until, const struct limit *limit, __u64 now)
{
	for (int try = 0; try < SPEND_TRIES; try++) {
		__u64 old = *(volatile __u64 *)spent_until;
		__u64 next = (old > now ? old : now) + limit->cost_ns;

		if (next - now > limit->room_ns)
			return false;
		if (__sync_val_compare_and_swap(spent_until, old, next) == old)
			return true;
	}
	return true;
}

/* Take the packet out of its source's bucket; false where it is empty. */
static __always_inline bool within(const struct opening *opening, const struct limit *limit,
				   __u8 kind, const struct rule_ingress *ingress)
{
	struct source_key key = {
		.ingress = *ingress,
		.figures = limit->figures,
		.kind = kind,
		.family = opening->family,
	};
	__u64 full = 0;
	__u64 *spent_until;

	if (opening->family == 6)
		__builtin_memcpy(key.address, opening->tuple.ipv6.saddr, 8);
	else
		__builtin_memcpy(key.address, &opening->tuple.ipv4.saddr, 4);
	spent_until = bpf_map_lookup_elem(&sources, &key);
	if (!spent_until) {
		bpf_map_update_elem(&sources, &key, &full, BPF_NOEXIST);
		spent_until = bpf_map_lookup_elem(&sources, &key);
	}
	return !spent_until || spend(spent_until, limit, bpf_ktime_get_ns());
}

/* Whether the packet, an ICMP message of its family, asks for an echo. */
static __always_inline bool asks_for_echo(const struct xdp_md *ctx, const struct opening *opening)
{
	__u8 own = opening->family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	__u8 request = opening->family == 6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO_REQUEST;
	__u8 *type = at(ctx, opening->upper, sizeof(*type));

	return opening->protocol == own && type && *type == request;
}

/* The kind of limit that the packet comes under, as the guards of nftables count it. */
static __always_inline __u32 kind_of(const struct xdp_md *ctx, const struct opening *opening)
{
	switch (opening->protocol) {
	case IPPROTO_TCP:
		return (opening->tcp_flags & TCP_FLAGS_OPENING) == TCP_FLAG_SYN_BIT ? LIMIT_SYN
										    : LIMIT_NONE;
	case IPPROTO_UDP:
		return LIMIT_UDP;
	default:
		return asks_for_echo(ctx, opening) ? LIMIT_ICMP : LIMIT_NONE;
	}
}

/*
 * The reason for which the packet falls, or passes, under the limit of its kind; *origin is then the
 * guard that drops it.
 */
static __always_inline __u32 judge_limit(struct xdp_md *ctx, struct opening *opening, __u64 *origin)
{
	struct rule_ingress ingress = {};
	struct limits *here;
	struct limit *limit;
	__u32 kind;

	if (!is_limited(ANYTHING))
		return REASON_PASS;
	set_ingress(&ingress, ctx, opening);
	here = bpf_map_lookup_elem(&limits, &ingress);
	if (!here)
		return REASON_PASS;
	kind = kind_of(ctx, opening);
	if (kind >= LIMIT_KIND_MAX)
		return REASON_PASS;
	limit = &here->of[kind];
	if (!limit->cost_ns || (kind == LIMIT_UDP && !is_new(ctx, opening)))
		return REASON_PASS;
	if (within(opening, limit, kind, &ingress))
		return REASON_PASS;
	if (kind == LIMIT_SYN && !is_new(ctx, opening))
		return REASON_PASS_CONNECTION;
	if (!count_drop(opening, limit->origin))
		return REASON_PASS;
	*origin = limit->origin;
	return REASON_DROP_SYN_FLOOD + kind;
}

#endif
