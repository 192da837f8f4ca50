/* ref_attention.c - `ref`: attention, one query at a time: scores, softmax, mean. */
#include "src/ref.h"

#include <math.h>
#include <stdlib.h>

#include "src/ops_check.h"

/* One query of one head. q_at, k_at: its first channel in q and out; key 0's in k and v. */
static void attend(const hf_tensor *out, const hf_tensor *q, const hf_tensor *k,
                   const hf_tensor *v, const hf_attention_sizes *s, int64_t q_at, int64_t k_at,
                   int64_t n_keys, double *score)
{
    double best = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n_keys; j++) {
        double dot = 0;
        for (int64_t c = 0; c < s->d; c++)
            dot += hf_get(q, q_at + c) * hf_get(k, k_at + j * s->channels + c);
        score[j] = dot * (double)s->scale;
        best = fmax(best, score[j]);
    }
    for (int64_t j = 0; j < n_keys; j++)
        sum += score[j] = exp(score[j] - best);
    for (int64_t c = 0; c < s->d; c++) {
        double y = 0;
        for (int64_t j = 0; j < n_keys; j++)
            y += score[j] * hf_get(v, k_at + j * s->channels + c);
        hf_put(out, q_at + c, y / sum);
    }
}

int hf_ref_attention(hf_backend *be, const hf_tensor *out, const hf_tensor *q, const hf_tensor *k,
                     const hf_tensor *v, const hf_attention_params *params, hf_error *err)
{
    (void)be;
    hf_attention_sizes s = hf_check_attention(out, q, k, v, params);
    double *score = calloc((size_t)s.l_k, sizeof(*score));
    if (!score)
        return hf_fail(err, HF_ENOMEM, "attention: no memory for %lld scores", (long long)s.l_k);
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t i = 0; i < s.l_q; i++)
            for (int head = 0; head < params->n_heads; head++)
                attend(out, q, k, v, &s, (n * s.l_q + i) * s.channels + head * s.d,
                       n * s.l_k * s.channels + head * s.d, params->causal ? i + 1 : s.l_k, score);
    free(score);
    return HF_OK;
}
