// SPDX-License-Identifier: GPL-2.0-or-later
/* Our blocklist and nothing else: what xdp_trie does, with the tables and the lookup of the product. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "blocklist.h"

SEC("xdp.frags")
int xdp_blocklist(struct xdp_md *ctx)
{
	struct ethhdr *ethernet = (void *)(long)ctx->data;
	struct iphdr *header = (void *)(ethernet + 1);

	if ((void *)(header + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	if (ethernet->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	return ipv4_is_blocked(header->saddr) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
