/* run.h - the operations of a network in a row: planned once, then run for every frame.
 *
 *     hf_run r = { .be = be, .arena = scratch, .dtype = HF_F32, .planning = true };
 *     forward(net, &r, ...);             takes are measured, operations do nothing
 *     hf_arena_seal(scratch, 0, err);
 *     r.planning = false;
 *     forward(net, &r, ...);             the same takes, now with memory; operations run
 *
 * The first failure stays in `rc` and `err`; later calls do nothing, so that a forward
 * pass needs one check at its end. Shapes are those of src/ops.h.
 */
#ifndef HF_SRC_NET_RUN_H
#define HF_SRC_NET_RUN_H

#include "src/arena.h"
#include "src/layers.h"

typedef struct hf_run {
    hf_backend *be;
    hf_arena   *arena;
    hf_dtype    dtype;    /* of activations */
    bool        planning; /* takes only */
    int         rc;       /* HF_OK, or the first failure */
    hf_error   *err;      /* may be NULL */
} hf_run;

static inline bool hf_run_skips(const hf_run *r) { return r->planning || r->rc < 0; }

/* An activation of r->dtype from the arena; like: one of the shape of x with C channels in the last dimension. */
hf_tensor hf_run_take_shape(hf_run *r, int n_dims, const int64_t *shape);
hf_tensor hf_run_take_like(hf_run *r, const hf_tensor *x, int64_t C);
#define hf_run_take(r, n_dims, ...) hf_run_take_shape(r, n_dims, (const int64_t[]){ __VA_ARGS__ })

/* residual may be NULL, or out itself. */
void hf_run_linear(hf_run *r, const hf_tensor *out, const hf_tensor *x, const hf_linear *l, const hf_tensor *residual,
                   hf_activation activation);
void hf_run_conv(hf_run *r, const hf_tensor *out, const hf_tensor *x, const hf_conv *c, const hf_tensor *residual,
                 hf_activation activation);
void hf_run_group_norm(hf_run *r, const hf_tensor *out, const hf_tensor *x, const hf_norm *n, int n_groups,
                       float epsilon, hf_activation activation);
void hf_run_layer_norm(hf_run *r, const hf_tensor *out, const hf_tensor *x, const hf_norm *n, float epsilon);
void hf_run_attention(hf_run *r, const hf_tensor *out, const hf_tensor *q, const hf_tensor *k, const hf_tensor *v,
                      int n_heads);
void hf_run_activate(hf_run *r, const hf_tensor *x, hf_activation activation); /* in place */

/* out = alpha a + beta b; out may be a. */
void hf_run_add(hf_run *r, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b, float alpha, float beta);

/* All channels of x to channels to.. of out. */
void hf_run_put_channels(hf_run *r, const hf_tensor *out, const hf_tensor *x, int64_t to);
void hf_run_resize(hf_run *r, const hf_tensor *out, const hf_tensor *x, hf_resize_kind kind);
void hf_run_copy(hf_run *r, const hf_tensor *out, const hf_tensor *x);
void hf_run_cast(hf_run *r, const hf_tensor *out, const hf_tensor *x);

#endif
