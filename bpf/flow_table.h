/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nftables' flow table, asked from XDP: the connection of a packet that the rules let through, what becomes of
 * its addresses, and the next hop that the kernel would send it to.
 */
#ifndef PATRONUS_FLOW_TABLE_H
#define PATRONUS_FLOW_TABLE_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "parsing.h"

#define AF_INET	 2
#define AF_INET6 10

#define RTF_GATEWAY 0x0002
#define XMIT_NEIGHBOUR \
	1 /* FLOW_OFFLOAD_XMIT_NEIGH: by a route and a neighbour, not by a bridge or a tunnel */

/* Of the kernel's types what is read here; libbpf finds it where it really lies. */
#define KERNELS __attribute__((preserve_access_index))

struct net_device {
	int ifindex;
} KERNELS;

struct dst_entry {
	struct net_device *dev;
} KERNELS;

struct rtable {
	struct dst_entry dst;
	__u8 rt_gw_family;
	__be32 rt_gw4;
} KERNELS;

struct rt6_info {
	struct dst_entry dst;
	struct in6_addr rt6i_gateway;
	__u32 rt6i_flags;
} KERNELS;

struct flow_offload_tuple {
	struct in6_addr src_v6;
	struct in6_addr dst_v6;
	__be16 src_port;
	__be16 dst_port;
	__u8 dir : 2;
	__u8 xmit_type : 3;
	__u8 encap_num : 2;
	__u16 mtu;
	struct dst_entry *dst_cache;
} KERNELS;

struct flow_offload_tuple_rhash {
	struct flow_offload_tuple tuple;
} KERNELS;

struct bpf_flowtable_opts___first {
	__s32 error;
};

extern struct flow_offload_tuple_rhash *
bpf_xdp_flow_lookup(struct xdp_md *ctx, struct bpf_fib_lookup *tuple,
		    struct bpf_flowtable_opts___first *options, __u32 options_size) __ksym __weak;
extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

/*
 * Addresses and ports as they stand in a packet, one behind the other: source, destination, both ports.
 * Three words of IPv4, nine of IPv6.
 */
#define ENDPOINT_WORDS	       9
#define ENDPOINTS_SIZE(family) ((family) == 6 ? 36 : 12)

struct endpoints {
	__be32 words_be[ENDPOINT_WORDS];
};

/* Where the kernel would send the packets of a flow. */
struct next_hop {
	__u32 ifindex;
	__be32 address_be[4]; /* IPv4 in the first */
};

static __always_inline bool can_look_up_flows(void)
{
	return bpf_ksym_exists(bpf_xdp_flow_lookup) && bpf_ksym_exists(bpf_rdonly_cast);
}

/*
 * The flow of the packet, or NULL. The look-up keeps the flow alive, and knows none of which the connection
 * has been ended.
 */
static __always_inline const struct flow_offload_tuple_rhash *
find_flow(struct xdp_md *ctx, struct bpf_fib_lookup *packet)
{
	struct bpf_flowtable_opts___first options = {};

	return bpf_xdp_flow_lookup(ctx, packet, &options, sizeof(options));
}

/* A tuple's start, as the flow table has it. */
struct tuple_ends {
	__be32 source_be[4];
	__be32 destination_be[4];
	struct ports ports;
};

#define OFFSET_OF(field) bpf_core_field_offset(struct flow_offload_tuple, field)

/* Whether the kernel's tuple begins with what struct tuple_ends says. */
static __always_inline bool knows_layout(void)
{
	__u32 start = OFFSET_OF(src_v6);

	return OFFSET_OF(dst_v6) == start + offsetof(struct tuple_ends, destination_be) &&
	       OFFSET_OF(src_port) == start + offsetof(struct tuple_ends, ports.source_be) &&
	       OFFSET_OF(dst_port) == start + offsetof(struct tuple_ends, ports.dest_be);
}

/*
 * What becomes of the packet's addresses and ports. The flow table holds a connection as two tuples, one
 * behind the other, one for each way; what it sends one way is the other one turned round.
 */
static __always_inline bool read_endpoints(const struct flow_offload_tuple_rhash *flow,
					   __u32 family, struct endpoints *after)
{
	struct tuple_ends other;
	const void *start = &flow->tuple.src_v6;
	__u64 size = bpf_core_type_size(struct flow_offload_tuple_rhash);

	/* A subtraction, spelt out: the verifier takes no pointer to which a negated number is added. */
	start += size;
	if (BPF_CORE_READ_BITFIELD(flow, tuple.dir))
		asm volatile("%0 -= %1" : "+r"(start) : "r"(2 * size));
	if (!knows_layout() || bpf_probe_read_kernel(&other, sizeof(other), start))
		return false;
	if (family == 6) {
		__builtin_memcpy(after->words_be, other.destination_be, 16);
		__builtin_memcpy(after->words_be + 4, other.source_be, 16);
		after->words_be[8] = other.ports.dest_be | (__u32)other.ports.source_be << 16;
		return true;
	}
	after->words_be[0] = other.destination_be[0];
	after->words_be[1] = other.source_be[0];
	after->words_be[2] = other.ports.dest_be | (__u32)other.ports.source_be << 16;
	return true;
}

/* Where the kernel would send it: by `dst`, the route that the flow keeps, to `destination`, which is IPv4. */
static __always_inline bool read_hop_ipv4(const struct dst_entry *dst, struct next_hop *hop,
					  __be32 destination_be)
{
	const struct rtable *route = bpf_rdonly_cast(dst, bpf_core_type_id_kernel(struct rtable));
	__u8 gateway = route->rt_gw_family;

	hop->address_be[0] = gateway == AF_INET ? route->rt_gw4 : destination_be;
	return gateway == AF_INET || !gateway;
}

static __always_inline void read_hop_ipv6(const struct dst_entry *dst, struct next_hop *hop,
					  const __be32 *destination_be)
{
	const struct rt6_info *route =
		bpf_rdonly_cast(dst, bpf_core_type_id_kernel(struct rt6_info));

	if (route->rt6i_flags & RTF_GATEWAY)
		BPF_CORE_READ_INTO(&hop->address_be, route, rt6i_gateway);
	else
		__builtin_memcpy(hop->address_be, destination_be, 16);
}

/*
 * Read the flow; false where its packets do not go by a route and a neighbour alone (a bridge, a tunnel,
 * IPsec, tags), or `bytes` are too many for its way.
 */
static __always_inline bool read_flow(const struct flow_offload_tuple_rhash *flow, __u32 family,
				      __u32 bytes, struct endpoints *after, struct next_hop *hop)
{
	const struct dst_entry *dst;

	if (BPF_CORE_READ_BITFIELD(flow, tuple.xmit_type) != XMIT_NEIGHBOUR ||
	    BPF_CORE_READ_BITFIELD(flow, tuple.encap_num) || bytes > flow->tuple.mtu ||
	    !read_endpoints(flow, family, after))
		return false;
	dst = flow->tuple.dst_cache;
	hop->ifindex = dst->dev->ifindex;
	if (family == 6) {
		read_hop_ipv6(dst, hop, after->words_be + 4);
		return true;
	}
	return read_hop_ipv4(dst, hop, after->words_be[1]);
}

#endif
