/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which rule drops the first packet of a TCP connection: one look-up for each field that the rules of
 * its way in ask for, the sets of entries combined, and the first entry of what is left decides.
 */
#ifndef PATRONUS_RULES_H
#define PATRONUS_RULES_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "limits.h"
#include "maps.h"
#include "opening.h"
#include "shared.h"

static __always_inline struct rule_node *find_node(void *table, enum rule_field field,
						   const void *value, __u32 size)
{
	struct rule_key key = { .length = RULE_KEY_PREFIX + size * 8, .field = field };

	__builtin_memcpy(key.value, value, size);
	return bpf_map_lookup_elem(table, &key);
}

/* The node of a field, or that of the way in where no entry there asks for the field. */
static __always_inline struct rule_node *
narrow(void *table, struct rule_node *arrival, enum rule_field field, const void *value, __u32 size)
{
	if (!(arrival->fields & (1u << field)))
		return arrival;
	return find_node(table, field, value, size);
}

static __always_inline struct rule_node *narrow_address(void *table, struct rule_node *arrival,
							enum rule_field ipv4, enum rule_field ipv6,
							const struct opening *opening, bool source)
{
	const struct bpf_sock_tuple *tuple = &opening->tuple;

	if (opening->family == 6)
		return narrow(table, arrival, ipv6, source ? tuple->ipv6.saddr : tuple->ipv6.daddr,
			      16);
	return narrow(table, arrival, ipv4, source ? &tuple->ipv4.saddr : &tuple->ipv4.daddr, 4);
}

/* The rule that drops, 0 where the stack decides. */
static __always_inline __u64 rule_for(struct xdp_md *ctx, const struct opening *opening)
{
	struct rule_node *arrival, *source, *destination, *from, *to, *found;
	struct rule_ingress ingress = {};
	__u32 entry = RULES_MAX;
	__be16 sport, dport;
	void *table;
	__u32 only = 0;

	table = bpf_map_lookup_elem(&rules, &only);
	if (!table)
		return 0;
	set_ingress(&ingress, ctx, opening);
	arrival = find_node(table, RULE_INGRESS, &ingress, sizeof(ingress));
	if (!arrival)
		return 0;
	sport = opening->family == 6 ? opening->tuple.ipv6.sport : opening->tuple.ipv4.sport;
	dport = opening->family == 6 ? opening->tuple.ipv6.dport : opening->tuple.ipv4.dport;
	to = narrow(table, arrival, RULE_DESTINATION_PORT, &dport, sizeof(dport));
	if (!to)
		return 0;
	source = narrow_address(table, arrival, RULE_SOURCE_IPV4, RULE_SOURCE_IPV6, opening, true);
	if (!source)
		return 0;
	destination = narrow_address(table, arrival, RULE_DESTINATION_IPV4, RULE_DESTINATION_IPV6,
				     opening, false);
	if (!destination)
		return 0;
	from = narrow(table, arrival, RULE_SOURCE_PORT, &sport, sizeof(sport));
	if (!from)
		return 0;
	for (__u32 word = 0; word < RULE_WORDS; word++) {
		__u64 left = arrival->entries[word] & source->entries[word] &
			     destination->entries[word] & from->entries[word] & to->entries[word];

		if (left) {
			entry = word * 64 + __builtin_ctzll(left);
			break;
		}
	}
	found = find_node(table, RULE_ENTRY, &entry, sizeof(entry));
	return found ? found->rule : 0;
}

/*
 * REASON_DROP_RULE, that of a limit, or the reason for which the packet passes; *origin is the rule or
 * guard that drops it. A global function of numbers: the verifier looks at it once, and not again for each
 * way through the headers before it.
 */
__noinline __u32 judge_opening(struct xdp_md *ctx, __u32 offsets, __u32 tags, __u32 kind,
			       __u64 *origin)
{
	struct opening opening = {};
	__u32 reason;
	__u64 rule;

	if (!origin || !read_opening(ctx, &opening, offsets, tags, kind))
		return REASON_PASS;
	reason = judge_limit(ctx, &opening, origin);
	if (reason >= REASON_DROP_FIRST || opening.protocol != IPPROTO_TCP)
		return reason;
	rule = rule_for(ctx, &opening);
	if (!rule)
		return reason;
	if (!is_new(ctx, &opening) || !count_drop(&opening, rule))
		return REASON_PASS_CONNECTION;
	*origin = rule;
	return REASON_DROP_RULE;
}

/* Whether there is any rule to look up. */
static __always_inline bool has_rules(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&rules, &only);
}

#endif
