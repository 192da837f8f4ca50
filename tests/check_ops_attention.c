/* check_ops_attention.c - cases of attention. */
#include <stdio.h>

#include "tests/check_ops.h"

static int call_attention(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.attention(be, a->t[0], a->t[1], a->t[2], a->t[3], a->params, err);
}

typedef struct attention_row {
    const char *label;
    int64_t     n, l_q, l_k, d;
    hf_attention_params params;
    check_fill  q, k;
    bool        bench_only;
    hf_dtype    dtype;
    double      limit;
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
        .op = "attention", .label = r->label, .call = call_attention, .params = &r->params,
        .arrays = { CHECK_ARRAY(r->dtype, CHECK_NORMAL, r->n, r->l_q, channels),
                    CHECK_ARRAY(r->dtype, r->q, r->n, r->l_q, channels),
                    CHECK_ARRAY(r->dtype, r->k, r->n, r->l_k, channels),
                    CHECK_ARRAY(r->dtype, CHECK_NORMAL, r->n, r->l_k, channels) },
        .limit = r->limit, .bench_only = r->bench_only,
        .flops = r->bench_only ? 4.0 * (double)(r->n * r->l_q * r->l_k) * (double)channels : 0,
    };
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
