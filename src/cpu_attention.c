/* cpu_attention.c - `cpu`: attention by blocks, with the softmax carried along.
 *
 * For a block of queries, blocks of keys go by. Of each query are kept the greatest score
 * so far (best), the sum of exp(score - best) and the sum of exp(score - best) v; when
 * best grows, both sums shrink by exp(old - new). Only one block of scores
 * exists at a time, for each thread (Milakov and Gimelshein, "Online normalizer
 * calculation for softmax", 2018).
 */
#include "src/cpu.h"

#include <omp.h>
#include <string.h>

#include "src/ops_check.h"
#include "src/simd.h"
#include "src/vec_math.h"

/* 128 x 256 scores are 128 KB: they and a block of keys stay in a second-level cache. */
#define Q_BLOCK 128
#define K_BLOCK 256

/* One thread's memory. */
typedef struct block_state {
    float *score; /* [Q_BLOCK,K_BLOCK] */
    float *sum_v; /* [Q_BLOCK,d] */
    float *best;  /* [Q_BLOCK] */
    float *sum;   /* [Q_BLOCK] */
} block_state;

static size_t state_floats(int64_t d)
{
    return Q_BLOCK * (size_t)(K_BLOCK + d + 2) + 16;
}

static block_state state_at(float *memory, int64_t d)
{
    block_state s = { .score = memory };
    s.sum_v = s.score + Q_BLOCK * K_BLOCK;
    s.best = s.sum_v + Q_BLOCK * d;
    s.sum = s.best + Q_BLOCK;
    return s;
}

/* Scores of one query to weights; the query's sums are brought to the new best. */
HF_CLONES
static void weigh_row(float *score, int64_t n_keys, int64_t n_visible, float *best, float *sum,
                      float *sum_v, int64_t d)
{
    float top = *best, total = 0;
#pragma omp simd reduction(max : top)
    for (int64_t j = 0; j < n_visible; j++)
        top = score[j] > top ? score[j] : top;
#pragma omp simd reduction(+ : total)
    for (int64_t j = 0; j < n_visible; j++) {
        score[j] = hf_exp(score[j] - top);
        total += score[j];
    }
    for (int64_t j = n_visible; j < n_keys; j++)
        score[j] = 0;
    if (top > *best) {
        float shrink = *best == -INFINITY ? 0 : hf_exp(*best - top);
        *sum *= shrink;
#pragma omp simd
        for (int64_t c = 0; c < d; c++)
            sum_v[c] *= shrink;
    }
    *sum += total;
    *best = top;
}

HF_CLONES
static void divide_row(float *out, const float *sum_v, float sum, int64_t d)
{
    float factor = 1 / sum;
#pragma omp simd
    for (int64_t c = 0; c < d; c++)
        out[c] = sum_v[c] * factor;
}

/* n_q queries beginning with number first_q; all pointers at this head's first channel. */
static void attend_block(float *out, const float *q, const float *k, const float *v,
                         const hf_attention_sizes *s, int64_t first_q, int64_t n_q, bool causal,
                         const block_state *state)
{
    int64_t end = causal ? first_q + n_q : s->l_k;

    memset(state->sum_v, 0, (size_t)(n_q * s->d) * sizeof(float));
    for (int64_t i = 0; i < n_q; i++)
        state->best[i] = -INFINITY, state->sum[i] = 0;
    for (int64_t first_k = 0; first_k < end; first_k += K_BLOCK) {
        int64_t n_k = end - first_k < K_BLOCK ? end - first_k : K_BLOCK;
        hf_cpu_sgemm(false, true, n_q, n_k, s->d, s->scale, q + first_q * s->channels, s->channels,
                     k + first_k * s->channels, s->channels, 0, state->score, K_BLOCK);
        for (int64_t i = 0; i < n_q; i++) {
            int64_t visible = causal ? first_q + i + 1 - first_k : n_k;
            visible = visible < 0 ? 0 : visible > n_k ? n_k : visible;
            weigh_row(state->score + i * K_BLOCK, n_k, visible, &state->best[i], &state->sum[i],
                      state->sum_v + i * s->d, s->d);
        }
        hf_cpu_sgemm(false, false, n_q, s->d, n_k, 1, state->score, K_BLOCK,
                     v + first_k * s->channels, s->channels, 1, state->sum_v, s->d);
    }
    for (int64_t i = 0; i < n_q; i++)
        divide_row(out + (first_q + i) * s->channels, state->sum_v + i * s->d, state->sum[i], s->d);
}

int hf_cpu_attention(hf_backend *be, const hf_tensor *out, const hf_tensor *q, const hf_tensor *k,
                     const hf_tensor *v, const hf_attention_params *p, hf_error *err)
{
    hf_attention_sizes s = hf_check_attention(out, q, k, v, p);
    if (out->dtype != HF_F32 || q->dtype != HF_F32 || k->dtype != HF_F32 || v->dtype != HF_F32)
        return hf_ref_attention(be, out, q, k, v, p, err);
    hf_cpu_use_threads(be);
    size_t floats = (state_floats(s.d) + 15) & ~(size_t)15;
    float *memory = hf_cpu_scratch(be, HF_CPU_WORK, floats * (size_t)be->n_threads * 4, err);
    if (!memory)
        return HF_ENOMEM;
    int64_t n_blocks = (s.l_q + Q_BLOCK - 1) / Q_BLOCK, n_tasks = s.n * p->n_heads * n_blocks;
    /* Neighbouring tasks share keys and values: n, then head, then block. */
#pragma omp parallel for schedule(dynamic) num_threads(be->n_threads)
    for (int64_t task = 0; task < n_tasks; task++) {
        int64_t first_q = task % n_blocks * Q_BLOCK, head = task / n_blocks % p->n_heads;
        int64_t n = task / n_blocks / p->n_heads;
        int64_t q_at = n * s.l_q * s.channels + head * s.d;
        int64_t k_at = n * s.l_k * s.channels + head * s.d;
        block_state state = state_at(memory + floats * (size_t)omp_get_thread_num(), s.d);
        attend_block((float *)out->data + q_at, (const float *)q->data + q_at,
                     (const float *)k->data + k_at, (const float *)v->data + k_at, &s, first_q,
                     s.l_q - first_q < Q_BLOCK ? s.l_q - first_q : Q_BLOCK, p->causal, &state);
    }
    return HF_OK;
}
