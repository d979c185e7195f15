// SPDX-License-Identifier: GPL-2.0-or-later
/* The least that an XDP program can do: what BPF_PROG_TEST_RUN itself costs. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int xdp_empty(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
