/* pass.h - one forward pass through a network: what every step needs, and the first failure.
 *
 * The same function plans a network and runs it. With an arena that is not sealed the steps only take
 * their memory; with a sealed one they take the same memory and compute:
 *
 *     hf_pass p = { .be = be, .arena = arena, .err = err };
 *     hf_tensor y = hf_pass_take(&p, HF_F32, 4, N, H, W, C);
 *     hf_pass_group_norm(&p, &y, &x, &net->norm, &(hf_group_norm_params){ 32, 1e-6f, HF_ACT_SILU });
 *     hf_pass_conv(&p, &y, &x, &net->conv, NULL, HF_ACT_NONE);
 *     return p.rc;
 *
 * After a failure the other steps do nothing. Shapes are those of the operations (src/ops.h).
 */
#ifndef HF_SRC_NET_PASS_H
#define HF_SRC_NET_PASS_H

#include "src/arena.h"
#include "src/layers.h"

/* Somebody who is shown values on their way, for tests that compare block by block. The value is in the backend's
 * memory, computed when the backend has synced, and is changed by later steps. */
typedef struct hf_pass_watch {
    void (*see)(void *ctx, const char *name, const hf_tensor *value);
    void *ctx;
} hf_pass_watch;

typedef struct hf_pass {
    hf_backend *be;
    hf_arena   *arena;
    hf_error   *err;
    int         rc; /* HF_OK, or the status of the first step that failed */
    const hf_pass_watch *watch; /* may be NULL */
} hf_pass;

/* The steps only take memory: the arena is not sealed yet. */
static inline bool hf_pass_plans(const hf_pass *p)
{
    return hf_arena_size(p->arena) == 0;
}

/* A tensor of the arena. After a failure it has its shape and no memory. */
hf_tensor hf_pass_take_shape(hf_pass *p, hf_dtype dtype, int n_dims, const int64_t *shape);
#define hf_pass_take(p, dtype, n_dims, ...) \
    hf_pass_take_shape(p, dtype, n_dims, (const int64_t[]){__VA_ARGS__})

/* One of the type and shape of x, but with C in the last dimension. */
hf_tensor hf_pass_take_like(hf_pass *p, const hf_tensor *x, int64_t C);

/* The same memory as t in another shape of as many numbers. */
hf_tensor hf_pass_view_shape(const hf_tensor *t, int n_dims, const int64_t *shape);
#define hf_pass_view(t, n_dims, ...) hf_pass_view_shape(t, n_dims, (const int64_t[]){__VA_ARGS__})

/* out = act(conv(x) + bias + residual); residual may be NULL, or out. */
void hf_pass_conv(hf_pass *p, const hf_tensor *out, const hf_tensor *x, const hf_conv *conv,
                  const hf_tensor *residual, hf_activation activation);

/* out = act(x W^t + bias + residual); residual may be NULL, or out. */
void hf_pass_linear(hf_pass *p, const hf_tensor *out, const hf_tensor *x, const hf_linear *linear,
                    const hf_tensor *residual, hf_activation activation);

/* In place allowed, as in src/ops.h. */
void hf_pass_group_norm(hf_pass *p, const hf_tensor *out, const hf_tensor *x, const hf_norm *norm,
                        const hf_group_norm_params *params);
void hf_pass_layer_norm(hf_pass *p, const hf_tensor *out, const hf_tensor *x, const hf_norm *norm, float epsilon);
void hf_pass_attention(hf_pass *p, const hf_tensor *out, const hf_tensor *q, const hf_tensor *k, const hf_tensor *v,
                       const hf_attention_params *params);

/* out = alpha a + beta b, as hf_ops.add. */
void hf_pass_add(hf_pass *p, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b, float alpha, float beta);

/* Channels from..from+n-1 of x to channels to.. of out. */
void hf_pass_copy_channels(hf_pass *p, const hf_tensor *out, const hf_tensor *x, int64_t to, int64_t from, int64_t n);

/* In place. */
void hf_pass_activate(hf_pass *p, const hf_tensor *x, hf_activation activation);
void hf_pass_resize(hf_pass *p, const hf_tensor *out, const hf_tensor *x, hf_resize_kind kind);

/* Show value to the watch, if there is one. format: its name. */
void hf_pass_show(hf_pass *p, const hf_tensor *value, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
