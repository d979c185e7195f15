/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether an address is blocked: IPv4 by a table of all /24s, IPv6 by a trie behind a filter. What patronusd
 * writes into these maps is in patronus/kernel/bpf_blocklist.py.
 */
#ifndef PATRONUS_BLOCKLIST_H
#define PATRONUS_BLOCKLIST_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/in6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"
#include "shared.h"

static __always_inline bool host_is_blocked(__u32 address)
{
	__u32 key = address >> 8;
	__u8 host = address & 0xff;
	struct block_hosts *hosts = bpf_map_lookup_elem(&block_hosts, &key);

	return hosts && (hosts->words[host >> 6] >> (host & 63)) & 1;
}

static __always_inline bool ipv4_is_blocked(__be32 address_be)
{
	__u32 address = bpf_ntohl(address_be);
	__u32 key = address >> 16;
	__u8 slot = address >> 8;
	struct block_page *page = bpf_map_lookup_elem(&block_ipv4, &key);

	if (!page)
		return false;
	switch ((page->words[slot >> 5] >> ((slot & 31) * 2)) & 3) {
	case BLOCK_ALL:
		return true;
	case BLOCK_SOME:
		return host_is_blocked(address);
	default:
		return false;
	}
}

static __always_inline bool ipv6_may_be_blocked(__be32 first_be)
{
	__u32 bit = (bpf_ntohl(first_be) * BLOCK_FILTER_MULTIPLIER) >> (32 - BLOCK_FILTER_BITS);
	__u32 key = bit >> 9;
	struct block_filter_page *page = bpf_map_lookup_elem(&block_filter, &key);

	return page && (page->words[(bit >> 6) & 7] >> (bit & 63)) & 1;
}

static __always_inline bool ipv6_is_blocked(const struct in6_addr *address)
{
	struct prefix_key key = { .length = 128 };

	if (!ipv6_may_be_blocked(address->in6_u.u6_addr32[0]))
		return false;
	__builtin_memcpy(key.address, address, sizeof(key.address));
	return bpf_map_lookup_elem(&block_ipv6, &key);
}

#endif
