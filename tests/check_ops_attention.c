/* check_ops_attention.c - cases of attention. */
#include <stdio.h>

#include "tests/check_ops.h"

static int call_attention(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.attention(be, a->t[0], a->t[1], a->t[2], a->t[3], a->params, err);
}

/* The same one element past aligned addresses; the last row is nobody's. */
static hf_tensor shifted(const hf_tensor *t)
{
    hf_tensor view = *t;
    view.data = (char *)t->data + hf_dtype_size(t->dtype);
    view.shape[1]--;
    return view;
}

static int call_attention_shifted(hf_backend *be, const check_args *a, hf_error *err)
{
    hf_tensor out = shifted(a->t[0]), q = shifted(a->t[1]), k = shifted(a->t[2]), v = shifted(a->t[3]);
    return be->ops.attention(be, &out, &q, &k, &v, a->params, err);
}

/*
 * What 16-bit types cost against ref, which rounds the output only. A backend rounds the weights of the softmax too,
 * each by at most u (2^-11 for f16, 2^-8 for bf16) of itself; the roundings do not know of each other, nor of v, so they
 * change the output by at most u of itself, in the mean over its values. Its own and ref's rounding of the output are
 * two more: at most 3 u^2 together, 7e-7 and 4.6e-5, and a sixth of that with mantissas of all lengths.
 */
#define LIMIT_F16 3e-7
#define LIMIT_BF16 2e-5

typedef struct attention_row {
    const char *label;
    int64_t     n, l_q, l_k, d;
    hf_attention_params params;
    check_fill  q, k;
    bool        bench_only;
    hf_dtype    dtype;
    double      limit;
    check_call  call; /* NULL: call_attention */
    bool        k_f32;
} attention_row;

static const attention_row attention_rows[] = {
    { "one of everything", 1, 1, 1, 1, { 1, 0, false }, .q = CHECK_NORMAL },
    { "one key", 1, 9, 1, 16, { 2, 0, false }, .q = CHECK_NORMAL },
    { "SD1.5 heads of 40", 1, 70, 70, 40, { 8, 0, false }, .q = CHECK_NORMAL },
    { "cross attention over 77 tokens", 2, 100, 77, 64, { 5, 0, false }, .q = CHECK_NORMAL },
    { "heads of 160", 1, 64, 64, 160, { 2, 0, false }, .q = CHECK_NORMAL },
    { "VAE: one head of 512", 1, 100, 100, 512, { 1, 0, false }, .q = CHECK_NORMAL },
    { "more keys than a block", 1, 67, 1031, 24, { 1, 0, false }, .q = CHECK_NORMAL },
    { "CLIP text: causal", 1, 77, 77, 64, { 3, 0, true }, .q = CHECK_NORMAL },
    { "causal, more keys than a block", 1, 600, 600, 8, { 2, 0, true }, .q = CHECK_NORMAL },
    { "all keys equal", 1, 30, 300, 16, { 2, 0, false }, .q = CHECK_NORMAL, .k = CHECK_SAME },
    { "zero queries", 1, 30, 30, 16, { 2, 0, false }, .q = CHECK_ZERO },
    /* Scores of some hundred: exp overflows unless the maximum is taken off first. */
    { "sharp: large scale", 1, 40, 500, 32, { 2, 20, false }, .q = CHECK_NORMAL, .limit = 1e-9 /* scores of 300 carry 2e-5 */ },
    { "f16", 1, 20, 30, 16, { 2, 0, false }, .dtype = HF_F16, .limit = 1e-6 /* f16 out rounds at 2^-11 */ },
    /* Each kernel of the cuda backend; emulation says it has 4 multiprocessors, so 7 blocks of 128 queries are enough. */
    { "f16, few heads of 40", 1, 33, 77, 40, { 1, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, heads of 40", 2, 200, 130, 40, { 2, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, heads of 40, causal", 1, 200, 200, 40, { 4, 0, true }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, few heads of 64", 1, 65, 64, 64, { 1, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, heads of 64, causal", 1, 160, 160, 64, { 4, 0, true }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, few heads of 80", 1, 17, 65, 80, { 2, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, heads of 80", 1, 129, 63, 80, { 4, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, few heads of 96", 1, 64, 40, 96, { 1, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, heads of 96", 4, 129, 66, 96, { 1, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, few heads of 128", 1, 20, 100, 128, { 1, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, heads of 128", 1, 130, 70, 128, { 4, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, heads of 160", 1, 70, 50, 160, { 2, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, heads of 200", 1, 70, 100, 200, { 2, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, heads of 256, causal", 1, 100, 100, 256, { 1, 0, true }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, one head of 512", 1, 70, 130, 512, { 1, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, heads of 301", 1, 20, 30, 301, { 2, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, head of 520", 1, 9, 40, 520, { 1, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, odd heads of 37", 2, 50, 70, 37, { 3, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, heads of 8", 1, 40, 90, 8, { 5, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, one query, one key", 3, 1, 1, 64, { 2, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, unaligned", 2, 40, 70, 64, { 2, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16, .call = call_attention_shifted },
    { "f16, unaligned head of 512", 1, 20, 33, 512, { 1, 0, false }, .dtype = HF_F16, .limit = LIMIT_F16, .call = call_attention_shifted },
    { "f16, zero queries", 1, 30, 90, 40, { 2, 0, false }, .dtype = HF_F16, .q = CHECK_ZERO, .limit = LIMIT_F16 },
    { "f16, sharp: large scale", 1, 40, 300, 64, { 2, 20, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16, sharp head of 512", 1, 40, 150, 512, { 1, 4, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    /* Products of 1e8: infinite in f16. */
    { "f16, large queries and keys", 1, 40, 90, 64, { 1, 0, false }, .dtype = HF_F16, .q = CHECK_LARGE, .k = CHECK_LARGE, .limit = LIMIT_F16 },
    { "f16, negative scale", 1, 20, 50, 64, { 1, -0.125f, false }, .dtype = HF_F16, .limit = LIMIT_F16 },
    { "f16 queries, f32 keys", 1, 20, 50, 64, { 2, 0, false }, .dtype = HF_F16, .k_f32 = true, .limit = LIMIT_F16 },
    { "bf16, heads of 40", 2, 140, 90, 40, { 2, 0, false }, .dtype = HF_BF16, .limit = LIMIT_BF16 },
    { "bf16, few heads of 64, causal", 1, 77, 77, 64, { 1, 0, true }, .dtype = HF_BF16, .limit = LIMIT_BF16 },
    { "bf16, odd heads of 75", 1, 30, 40, 75, { 2, 0, false }, .dtype = HF_BF16, .limit = LIMIT_BF16 },
    { "bf16, one head of 512", 1, 40, 70, 512, { 1, 0, false }, .dtype = HF_BF16, .limit = LIMIT_BF16 },
    /* Scores past f16's range, weights within bf16's. */
    { "bf16, large queries", 1, 40, 90, 64, { 1, 0, false }, .dtype = HF_BF16, .q = CHECK_LARGE, .limit = LIMIT_BF16 },
    { "SD1.5 4096 tokens, 8 heads of 40", 1, 4096, 4096, 40, { 8, 0, false }, .bench_only = true },
    { "SD1.5 1024 tokens, 8 heads of 80", 1, 1024, 1024, 80, { 8, 0, false }, .bench_only = true },
    { "SD1.5 4096 x 77, 8 heads of 40", 1, 4096, 77, 40, { 8, 0, false }, .bench_only = true },
    { "VAE 4096 tokens, 1 head of 512", 1, 4096, 4096, 512, { 1, 0, false }, .bench_only = true },
    { "ViT-S/8 3601 tokens, 6 heads of 64", 1, 3601, 3601, 64, { 6, 0, false }, .bench_only = true },
};

static void run_attention_row(check_state *state, const attention_row *r)
{
    int64_t channels = r->params.n_heads * r->d;
    check_case c = {
        .op = "attention", .label = r->label, .call = r->call ? r->call : call_attention, .params = &r->params,
        .arrays = { CHECK_ARRAY(r->dtype, CHECK_NORMAL, r->n, r->l_q, channels),
                    CHECK_ARRAY(r->dtype, r->q, r->n, r->l_q, channels),
                    CHECK_ARRAY(r->dtype, r->k, r->n, r->l_k, channels),
                    CHECK_ARRAY(r->dtype, CHECK_NORMAL, r->n, r->l_k, channels) },
        .limit = r->limit, .bench_only = r->bench_only,
        .flops = r->bench_only ? 4.0 * (double)(r->n * r->l_q * r->l_k) * (double)channels : 0,
    };
    if (r->k_f32)
        c.arrays[2].dtype = HF_F32;
    check_run(state, &c);
}

void check_attention(check_state *state)
{
    for (size_t i = 0; i < sizeof(attention_rows) / sizeof(attention_rows[0]); i++)
        run_attention_row(state, &attention_rows[i]);
    for (int i = 0; i < 30; i++) {
        char label[96];
        attention_row r = {
            .label = label, .n = check_draw(state, 1, 2), .l_q = check_draw(state, 1, 300),
            .l_k = check_draw(state, 1, 600), .d = check_draw(state, 1, 20),
            .params = { .n_heads = (int)check_draw(state, 1, 3), .causal = check_draw(state, 0, 1) },
        };
        if (r.params.causal)
            r.l_k = r.l_q;
        snprintf(label, sizeof(label), "drawn %d: %d x %d queries, %d keys, %d heads of %d%s", i,
                 (int)r.n, (int)r.l_q, (int)r.l_k, r.params.n_heads, (int)r.d,
                 r.params.causal ? ", causal" : "");
        run_attention_row(state, &r);
    }
}
