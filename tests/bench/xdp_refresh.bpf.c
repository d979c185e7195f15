// SPDX-License-Identifier: GPL-2.0-or-later
/* Sends every frame of a test run out of a device, with the headers that it shall have: a router changes them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define HEADERS 64

struct setting {
	__u32 device;
	__u8 headers[HEADERS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct setting);
} target SEC(".maps");

SEC("xdp")
int xdp_refresh(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct setting *setting = bpf_map_lookup_elem(&target, &key);
	void *start = (void *)(long)ctx->data;

	if (!setting || start + HEADERS > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(start, setting->headers, HEADERS);
	return bpf_redirect(setting->device, 0);
}

char LICENSE[] SEC("license") = "GPL";
