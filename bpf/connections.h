/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conntrack, asked from XDP: does it know a connection of these addresses and ports, either way?
 *
 * The functions are the kernel's own (net/netfilter/nf_conntrack_bpf.c). Where they are missing, or
 * their types may not be read at load, nothing is known, and the verifier leaves the rest out.
 */
#ifndef PATRONUS_CONNECTIONS_H
#define PATRONUS_CONNECTIONS_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#define NETNS_CURRENT (-1) /* of the interface at which the packet came in */
#define NOT_THERE     (-2) /* -ENOENT */

/* The members are the kernel's; here it is but a type to point to. */
struct nf_conn {
	int unused;
};

/* The first form of struct bpf_ct_opts, which every kernel takes (NF_BPF_CT_OPTS_SZ of 5.18). */
struct bpf_ct_opts___first {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

_Static_assert(sizeof(struct bpf_ct_opts___first) == 12,
	       "the kernel tells the forms by their size");

extern struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *ctx, struct bpf_sock_tuple *tuple,
					 __u32 tuple_size, struct bpf_ct_opts___first *options,
					 __u32 options_size) __ksym __weak;
extern void bpf_ct_release(struct nf_conn *connection) __ksym __weak;

static __always_inline bool can_ask_conntrack(void)
{
	return bpf_ksym_exists(bpf_xdp_ct_lookup) && bpf_ksym_exists(bpf_ct_release);
}

/* Whether it is certain that no connection of the tuple is known; `protocol` is TCP or UDP. */
static __always_inline bool is_unknown(struct xdp_md *ctx, struct bpf_sock_tuple *tuple, __u32 size,
				       __u8 protocol)
{
	struct bpf_ct_opts___first options = {
		.netns_id = NETNS_CURRENT,
		.l4proto = protocol,
	};
	struct nf_conn *connection;

	if (!can_ask_conntrack())
		return false;
	connection = bpf_xdp_ct_lookup(ctx, tuple, size, &options, sizeof(options));
	if (!connection)
		return options.error == NOT_THERE;
	bpf_ct_release(connection);
	return false;
}

#endif
