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

/* Bytes of drop events that wait for a reader: about 900 events of 72 bytes with their headers. */
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

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENTS_BYTES);
} events SEC(".maps");

/* Never loaded: a ring buffer names no type, and this brings its records' layout into the BTF. */
const struct drop_event event_layout SEC("layout") = {};

#endif
