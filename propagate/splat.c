/* splat.c - the definition of forward splatting (`ref`): two plain passes over the source. */
#include "propagate/splat.h"

#include <assert.h>
#include <string.h>

#include "propagate/splat_footprint.h"

/* Enough for either backend: `ref` keeps three numbers a target pixel (best similarity, sum of
 * weights, winner's weight), `cpu` two of them and the list of the sources by target row. */
size_t hf_splat_scratch_bytes(int source_width, int source_height, int target_width,
                              int target_height)
{
    size_t source = (size_t)source_width * source_height;
    size_t target = (size_t)target_width * target_height;
    return (3 * target + source + (size_t)target_height + 3) * sizeof(float);
}

void hf_splat_check(const hf_splat_io *io, const hf_tensor *scratch)
{
    int64_t n_source = hf_tensor_count(io->similarity), n_target = hf_tensor_count(io->cover);
    int64_t C = io->payload->shape[2];
    assert(C >= 1 && io->payload->n_dims == 3 && io->out->n_dims == 3 && io->out->shape[2] == C);
    assert(io->similarity->n_dims == 2 && io->cover->n_dims == 2);
    assert(hf_tensor_count(io->payload) == n_source * C);
    assert(hf_tensor_count(io->out) == n_target * C);
    assert(!io->winner->data || hf_tensor_count(io->winner) == n_target);
    assert(hf_tensor_count(io->match) == n_source * (io->match->dtype == HF_F32 ? 2 : 1));
    assert(hf_tensor_bytes(scratch) >=
           hf_splat_scratch_bytes((int)io->similarity->shape[1], (int)io->similarity->shape[0],
                                  (int)io->cover->shape[1], (int)io->cover->shape[0]));
    (void)n_source, (void)n_target, (void)C, (void)scratch;
}

static void find_best(float *best, const hf_splat_io *io, int w, int h)
{
    const float *similarity = io->similarity->data;
    int64_t n_source = hf_tensor_count(io->similarity);
    for (int64_t q = 0; q < (int64_t)w * h; q++)
        best[q] = -INFINITY;
    for (int64_t p = 0; p < n_source; p++) {
        hf_footprint f = hf_splat_footprint(io->match, p, w, h);
        for (int k = 0; k < f.n; k++)
            best[f.at[k]] = fmaxf(best[f.at[k]], similarity[p]);
    }
}

typedef struct sums {
    float   *out, *cover, *weight, *best_weight;
    int32_t *winner; /* NULL: not wanted */
} sums;

static void add(const sums *s, int64_t q, int64_t p, float b, float e, const float *payload,
                int64_t C)
{
    for (int64_t c = 0; c < C; c++)
        s->out[q * C + c] += b * e * payload[c];
    s->weight[q] += b * e;
    s->cover[q] += b;
    if (s->winner && b * e > s->best_weight[q]) {
        s->best_weight[q] = b * e;
        s->winner[q] = (int32_t)p;
    }
}

int hf_ref_splat(hf_backend *be, const hf_tensor *out, const hf_tensor *cover, const hf_tensor *winner,
                 const hf_tensor *payload, const hf_tensor *match, const hf_tensor *similarity,
                 const hf_splat_params *params, const hf_tensor *scratch, hf_error *err)
{
    hf_splat_io io = { out, cover, winner, payload, match, similarity };
    int w = (int)cover->shape[1], h = (int)cover->shape[0];
    int64_t n_source = hf_tensor_count(similarity), n_target = (int64_t)w * h;
    int64_t C = payload->shape[2];
    const float *s = similarity->data;
    float *best = scratch->data;
    sums to = { out->data, cover->data, best + n_target, best + 2 * n_target, winner->data };

    (void)be;
    hf_splat_check(&io, scratch);
    if (!(params->temperature > 0.0f))
        return hf_fail(err, HF_EARG, "splat: temperature is %g, want more than 0",
                       (double)params->temperature);
    memset(to.out, 0, hf_tensor_bytes(out));
    memset(to.cover, 0, hf_tensor_bytes(cover));
    memset(to.weight, 0, (size_t)n_target * 2 * sizeof(float));
    if (to.winner)
        memset(to.winner, 0xff, hf_tensor_bytes(winner)); /* -1 */

    find_best(best, &io, w, h);
    for (int64_t p = 0; p < n_source; p++) {
        hf_footprint f = hf_splat_footprint(match, p, w, h);
        for (int k = 0; k < f.n; k++)
            add(&to, f.at[k], p, f.weight[k], expf((s[p] - best[f.at[k]]) / params->temperature),
                (const float *)payload->data + p * C, C);
    }
    for (int64_t q = 0; q < n_target; q++)
        for (int64_t c = 0; to.weight[q] > 0.0f && c < C; c++)
            to.out[q * C + c] /= to.weight[q];
    return HF_OK;
}
