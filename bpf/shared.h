/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structures and enums shared with user space (patronus/kernel/bpf_codec.py).
 *
 * Fixed widths, explicit padding, sizes asserted; tests/bpf/test_layout.py compares Python's
 * packing with the BTF of the compiled object. Fields in network byte order end in _be; all
 * others are in host order.
 */
#ifndef PATRONUS_SHARED_H
#define PATRONUS_SHARED_H

#include <linux/types.h>

/* Why a packet passed or was dropped. Each packet is counted under exactly one of these. */
enum reason {
	REASON_PASS = 0,	     /* an IP packet that nothing speaks against */
	REASON_PASS_NOT_IP,	     /* ARP, LLDP, PPPoE and the like: not ours to judge */
	REASON_PASS_NEVER,	     /* a block matched, the never-block list overruled it */
	REASON_PASS_FRAGMENT,	     /* a fragment: judged by its addresses alone */
	REASON_PASS_MALFORMED,	     /* cut short or impossible header: the stack decides */
	REASON_PASS_VLAN_DEPTH,	     /* more VLAN tags than we read */
	REASON_PASS_EXTENSION_DEPTH, /* more IPv6 extension headers than we read */
	REASON_PASS_CONNECTION,	     /* a rule would drop it, but conntrack knows its connection */
	REASON_FORWARD,		     /* of an open connection: sent on to the next card from here */
	REASON_DROP_BLOCK_IPV4,	     /* the source is on the blocklist */
	REASON_DROP_BLOCK_IPV6,
	REASON_DROP_RULE, /* a rule drops it, whatever its way would be */
	REASON_DROP_SYN_FLOOD, /* its source opens more than its limit; in the order of enum limit_kind */
	REASON_DROP_UDP_FLOOD,
	REASON_DROP_ICMP_FLOOD,
	REASON_MAX,
};

/* The first reason that drops; every later one drops too. */
#define REASON_DROP_FIRST REASON_DROP_BLOCK_IPV4

/* Packets and bytes (layer 2, without FCS) of one reason on one CPU. */
struct counter {
	__u64 packets;
	__u64 bytes;
	__u64 events_lost; /* drop events that found the ring buffer full */
};

_Static_assert(sizeof(struct counter) == 24, "struct counter is shared with Python");

/* One direction of a flow. Ports are 0 for fragments and for protocols that have none. */
struct flow_key_ipv4 {
	__be32 saddr_be;
	__be32 daddr_be;
	__be16 sport_be;
	__be16 dport_be;
	__u16 vlan_id; /* outer VLAN id, 0 if none is in the packet data */
	__u8 protocol;
	__u8 pad;
};

_Static_assert(sizeof(struct flow_key_ipv4) == 16, "struct flow_key_ipv4 is shared with Python");

struct flow_key_ipv6 {
	__u8 saddr[16];
	__u8 daddr[16];
	__be16 sport_be;
	__be16 dport_be;
	__u16 vlan_id;
	__u8 protocol;
	__u8 pad;
};

_Static_assert(sizeof(struct flow_key_ipv6) == 40, "struct flow_key_ipv6 is shared with Python");

/* What one CPU saw of a flow. */
struct flow_stats {
	__u64 packets;
	__u64 bytes;
	__u64 last_seen_ns; /* CLOCK_MONOTONIC, coarse (one tick) */
	__u8 tcp_flags;	    /* every flag seen so far */
	__u8 pad[7];
};

_Static_assert(sizeof(struct flow_stats) == 32, "struct flow_stats is shared with Python");

/* A sampled drop. An IPv4 address stands in the first four bytes, the rest is zero. */
struct drop_event {
	__u64 time_ns; /* CLOCK_MONOTONIC, coarse */
	__u64 rule;    /* as in struct rule_node or struct limit, 0 where neither decided */
	__u32 ifindex;
	__u32 bytes;
	__u16 vlan_id;
	__u8 reason; /* enum reason */
	__u8 family; /* 4 or 6 */
	__u8 saddr[16];
	__u8 daddr[16];
	__u8 pad[4];
};

_Static_assert(sizeof(struct drop_event) == 64, "struct drop_event is shared with Python");

/* Load-time settings; the verifier removes what they turn off. */
struct settings {
	__u32 sample_every; /* one drop in this many becomes an event, on each CPU; 0: none */
	__u8 flow_table;    /* 1: account flows */
	__u8 forwarding;    /* 1: can send on open connections, where the map says so */
	__u8 pad[2];
};

_Static_assert(sizeof(struct settings) == 8, "struct settings is shared with Python");

/*
 * IPv4 blocklist: two bits for each /24, in pages of one /16. A /24 that is blocked in part has
 * its 256 addresses as bits in a second map.
 */
enum block_state {
	BLOCK_NONE = 0,
	BLOCK_ALL = 1,
	BLOCK_SOME = 2,
};

struct block_page {
	__u64 words[8]; /* 256 states, 32 in a word, lowest bits first */
};

_Static_assert(sizeof(struct block_page) == 64, "struct block_page is shared with Python");

struct block_hosts {
	__u64 words[4]; /* bit n: address .n of the /24 is blocked */
};

_Static_assert(sizeof(struct block_hosts) == 32, "struct block_hosts is shared with Python");

/*
 * IPv6 blocklist: a trie of prefixes behind a filter. The filter has a bit for each hash of an
 * address's first 32 bits; where it is clear no blocked prefix can match.
 */
#define BLOCK_FILTER_BITS	20
#define BLOCK_FILTER_MULTIPLIER 0x9E3779B1u /* 2^32 / golden ratio: Knuth's multiplicative hash */

struct block_filter_page {
	__u64 words[8]; /* 512 bits of the filter */
};

_Static_assert(sizeof(struct block_filter_page) == 64, "shared with Python");

/* Key of the prefix tries. In the never-block trie IPv4 stands as ::ffff:a.b.c.d. */
struct prefix_key {
	__u32 length; /* bits that count */
	__u8 address[16];
};

_Static_assert(sizeof(struct prefix_key) == 20, "struct prefix_key is shared with Python");

/*
 * Rules, as patronus/firewall/early/table.py makes them: for each prefix of a field the set of
 * entries that fit it. The first entry that is in the sets of all fields of a packet decides.
 */
#define RULES_MAX  1024
#define RULE_WORDS (RULES_MAX / 64)

enum rule_field {
	RULE_INGRESS = 0, /* struct rule_ingress, whole */
	RULE_SOURCE_IPV4,
	RULE_DESTINATION_IPV4,
	RULE_SOURCE_IPV6,
	RULE_DESTINATION_IPV6,
	RULE_SOURCE_PORT,
	RULE_DESTINATION_PORT,
	RULE_ENTRY, /* the number of an entry, in host order, whole: what becomes of the packet */
	RULE_FIELD_MAX,
};

/* Bits of a key before its value: the field and the padding behind it. */
#define RULE_KEY_PREFIX 32

struct rule_key {
	__u32 length; /* bits that count, from the field on */
	__u8 field;   /* enum rule_field */
	__u8 pad[3];
	__u8 value[16];
};

_Static_assert(sizeof(struct rule_key) == 24, "struct rule_key is shared with Python");

/* A VLAN tag: its id and which of the two types it is; 0 where there is none. */
#define TAG_CUSTOMER 0x8000 /* 802.1Q */
#define TAG_SERVICE  0x4000 /* 802.1ad */

struct rule_ingress {
	__u32 ifindex;
	__u16 tags[2]; /* outer, inner */
};

_Static_assert(sizeof(struct rule_ingress) == 8, "struct rule_ingress is shared with Python");

struct rule_node {
	__u64 entries[RULE_WORDS]; /* bit n of word m: entry 64 * m + n */
	__u64 rule;   /* of RULE_ENTRY: names the rule that drops; 0: the stack decides */
	__u32 fields; /* of RULE_INGRESS: bit n: its entries ask for field n */
	__u8 pad[4];
};

_Static_assert(sizeof(struct rule_node) == 144, "struct rule_node is shared with Python");

/* What a source is limited in, as patronus/core/early.py numbers it. */
enum limit_kind {
	LIMIT_SYN = 0, /* first packets of TCP connections */
	LIMIT_UDP,     /* first packets of UDP flows */
	LIMIT_ICMP,    /* echo requests */
	LIMIT_KIND_MAX,
};

/*
 * A limit is a bucket of time: each packet of a source takes `cost_ns` out, and the time that passes
 * fills it again up to `room_ns`.
 */
struct limit {
	__u64 cost_ns; /* 0: no limit */
	__u64 room_ns;
	__u64 origin;  /* names the guard that drops, as rule of struct rule_node names a rule */
	__u32 figures; /* tells limits apart: a source starts anew under one with other figures */
	__u8 pad[4];
};

_Static_assert(sizeof(struct limit) == 32, "struct limit is shared with Python");

/* The limits of one way in, by enum limit_kind. */
struct limits {
	struct limit of[LIMIT_KIND_MAX];
};

_Static_assert(sizeof(struct limits) == 96, "struct limits is shared with Python");

/*
 * A source under a limit: the whole address of IPv4, the /64 of IPv6, of which one host may have every
 * address. Each way in counts by itself, so that who forges a source takes nothing from the true one.
 */
struct source_key {
	struct rule_ingress ingress;
	__u8 address[8]; /* IPv4 in the first four */
	__u32 figures;
	__u8 kind;   /* enum limit_kind */
	__u8 family; /* 4 or 6 */
	__u8 pad[2];
};

_Static_assert(sizeof(struct source_key) == 24, "struct source_key is shared with Python");

/*
 * A neighbour to which packets are sent on: until when the kernel goes without one. A slot of a table by
 * Ethernet address; two that meet in one take turns, and the kernel gets more of both.
 */
struct neighbour {
	__u64 due_ns; /* CLOCK_MONOTONIC, coarse */
	__u32 ifindex;
	__u8 mac[6];
	__u8 pad[6];
};

_Static_assert(sizeof(struct neighbour) == 24, "struct neighbour is shared with Python");

#endif
