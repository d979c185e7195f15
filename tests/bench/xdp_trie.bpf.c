// SPDX-License-Identifier: GPL-2.0-or-later
/* The usual way to block IPv4 prefixes: an LPM trie and nothing else. A peer for the bench. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct key {
	__u32 length;
	__be32 address_be;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__type(key, struct key);
	__type(value, __u32);
} trie SEC(".maps");

SEC("xdp.frags")
int xdp_trie(struct xdp_md *ctx)
{
	struct ethhdr *ethernet = (void *)(long)ctx->data;
	struct iphdr *header = (void *)(ethernet + 1);
	struct key key = { .length = 32 };

	if ((void *)(header + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	if (ethernet->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	key.address_be = header->saddr;
	return bpf_map_lookup_elem(&trie, &key) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
