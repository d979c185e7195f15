/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps of the XDP firewall, each size with its reason. The loader pins them by name.
 */
#ifndef PATRONUS_MAPS_H
#define PATRONUS_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "shared.h"

/* One page for each /16 of IPv4: 4 MiB, whatever the blocklist's length. */
#define BLOCK_PAGES 65536

/* /24s blocked in part. A million scattered addresses fit; memory is taken as it is used. */
#define BLOCK_HOSTS_MAX (1 << 20)

/* 2^BLOCK_FILTER_BITS bits: 128 KiB, which stays in a core's second-level cache. */
#define BLOCK_FILTER_PAGES ((1 << BLOCK_FILTER_BITS) / 512)

/* IPv6 prefixes; memory is taken as it is used. */
#define BLOCK_IPV6_MAX (1 << 20)

/* The router, its gateways, its DNS, the admin's networks: tens, with room for hundreds. */
#define NEVER_MAX 4096

/* Flow directions per family, taken at load: about 4 MiB in all on two CPUs; the oldest give way. */
#define FLOW_MAX 16384

/* Prefixes, entries and ways in of a table of rules; memory is taken as it is used. */
#define RULE_NODES_MAX (1 << 15)

/* Rules that have dropped something, those that are off for now included. */
#define RULE_DROPS_MAX (1 << 14)

/* Ways in that have limits: cards and the VLANs on them; memory is taken as it is used. */
#define LIMITS_MAX 4096

/* Sources under a limit: about 1.5 MiB, taken at load; the oldest give way, and nftables limits those. */
#define SOURCES_MAX 16384

/* Cards between which packets are sent on. */
#define WAYS_OUT_MAX 256

/* Slots of neighbours: 24 KiB for each processor; a power of two. */
#define NEIGHBOURS 1024

/* Bytes of drop events that wait for a reader: about 800 events of 72 bytes with their headers. */
#define EVENTS_BYTES 65536

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASON_MAX);
	__type(key, enum reason);
	__type(value, struct counter);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BLOCK_PAGES);
	__type(key, __u32);
	__type(value, struct block_page);
} block_ipv4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, BLOCK_HOSTS_MAX);
	__type(key, __u32); /* address >> 8 */
	__type(value, struct block_hosts);
} block_hosts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BLOCK_FILTER_PAGES);
	__type(key, __u32);
	__type(value, struct block_filter_page);
} block_filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, BLOCK_IPV6_MAX);
	__type(key, struct prefix_key);
	__type(value, __u32);
} block_ipv6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NEVER_MAX);
	__type(key, struct prefix_key);
	__type(value, __u32);
} never SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, FLOW_MAX);
	__type(key, struct flow_key_ipv4);
	__type(value, struct flow_stats);
} flows_ipv4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, FLOW_MAX);
	__type(key, struct flow_key_ipv6);
	__type(value, struct flow_stats);
} flows_ipv6 SEC(".maps");

struct rule_table {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RULE_NODES_MAX);
	__uint(key_size,
	       sizeof(struct rule_key)); /* by size: clang leaves the types of a map in a map out */
	__uint(value_size, sizeof(struct rule_node));
};

/* One table or none. A new one is filled first and then takes the place of the old one in one step. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct rule_table);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RULE_DROPS_MAX);
	__type(key, __u64); /* rule of struct rule_node */
	__type(value, struct counter);
} rule_drops SEC(".maps");

/* One number: bit n is set where any way in has a limit of kind n. Nothing else is asked while it is 0. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} limited_kinds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LIMITS_MAX);
	__type(key, struct rule_ingress);
	__type(value, struct limits);
} limits SEC(".maps");

/* Shared by all processors: the packets of one source come to several. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SOURCES_MAX);
	__type(key, struct source_key);
	__type(value, __u64); /* until when its bucket is spent, CLOCK_MONOTONIC in ns */
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENTS_BYTES);
} events SEC(".maps");

/* Never loaded: these bring the layout of what no map names by type into the BTF. */
const struct drop_event event_layout SEC("layout") = {};
const struct rule_key key_layout SEC("layout") = {};
const struct rule_node node_layout SEC("layout") = {};
const struct rule_ingress ingress_layout SEC("layout") = {};
const enum rule_field field_layout SEC("layout") = RULE_INGRESS;
const enum limit_kind kind_layout SEC("layout") = LIMIT_SYN;

/* One number: whether packets are sent on. Nothing more is asked while it is 0. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} forwarding SEC(".maps");

/* The cards between which packets are sent on, by their numbers. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, WAYS_OUT_MAX);
	__type(key, __u32);
	__type(value, __u32);
} ways_out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NEIGHBOURS);
	__type(key, __u32);
	__type(value, struct neighbour);
} neighbours SEC(".maps");

#endif
