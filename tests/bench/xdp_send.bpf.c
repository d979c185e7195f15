// SPDX-License-Identifier: GPL-2.0-or-later
/* Sends every frame of a test run out of the device whose number is in the map. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

SEC("xdp")
int xdp_send(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u32 *device = bpf_map_lookup_elem(&target, &key);

	return device ? bpf_redirect(*device, 0) : XDP_ABORTED;
}

char LICENSE[] SEC("license") = "GPL";
