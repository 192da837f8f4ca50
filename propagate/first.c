/* first.c - see first.h.
 *
 * Memory first, then the steps in the order they run: features, matches, sources, splats. Features, matches and splats stay in backend memory; holes are filled on
 * the host, where the results are wanted.
 */
#include "propagate/first.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/fill.h"
#include "propagate/match_dense.h"
#include "propagate/match_stay.h"
#include "propagate/splat.h"

/* Channels splatted at once: bounds the memory, whatever the number of labels. */
#define GROUP 8

/* A pixel whose forward and backward matches disagree by this many cells is half trusted, down to
 * the floor: in flat areas they disagree and are still right about the colour. */
#define HALF_TRUST_CELLS 2.0f
#define TRUST_FLOOR 0.25f

enum { LANDED, ASKED, UNKNOWN };

typedef struct key {
    float         *features; /* [h,w,D] backend */
    const uint8_t *ids, *edit;
} key;

/* Matches of one direction: backend tensors and their host copies. */
typedef struct direction {
    int32_t *index;
    float   *similarity;
    int32_t *host_index;
    float   *host_similarity;
} direction;

struct hf_first {
    hf_model       *model;
    hf_backend     *be;
    hf_first_params p;
    int             h, w; /* cells */
    bool            adapted;
    key            *keys;
    uint8_t        *rgb;      /* [h',w',3] backend */
    float          *features; /* [h,w,D] of the frame, backend */
    direction       forward, backward; /* drawn frame -> frame, frame -> drawn frame */
    void           *match_scratch, *splat_scratch;
    int64_t         match_scratch_bytes, splat_scratch_bytes;
    float          *payload, *splatted; /* [H,W,G] backend */
    float          *landed;             /* [H,W] backend */
    int32_t        *winner;             /* [H,W] backend */
    float          *host_group;         /* [H,W,G], G at least 2 */
    uint8_t        *origin;             /* [H,W] of `source`: LANDED, ASKED or UNKNOWN */
    int64_t         n_unknown;
    float          *known;              /* [H,W] 0 where UNKNOWN: push-pull fills these */
    int32_t        *source;             /* [H,W] drawn pixel that each pixel takes after, -1: none */
    hf_fill        *fill;
    bool            counting; /* count bytes, allocate nothing */
    int64_t         bytes;
};

static int n_channels(const hf_first_params *p)
{
    return p->n_labels + (p->has_edit ? 4 : 0);
}

static int group_size(const hf_first_params *p)
{
    return n_channels(p) < GROUP ? n_channels(p) : GROUP;
}

/* The coordinates are filled with the same scratch as the labels. */
static int fill_channels(const hf_first_params *p)
{
    return group_size(p) < 2 ? 2 : group_size(p);
}

static hf_tensor feature_view(const hf_first *f, float *features)
{
    return hf_tensor_view(features, HF_F32, 3, f->h, f->w, f->model->n_channels);
}

static hf_match_dense_params match_params(const hf_first_params *p)
{
    return (hf_match_dense_params){ p->width, p->height, p->width, p->height };
}

/* Backend and host memory. Counting gives a pointer that is never used. */
static void *take(hf_first *f, int64_t bytes)
{
    f->bytes += bytes;
    return f->counting ? f : f->be->ops.alloc(f->be, (size_t)bytes);
}

static void *take_host(hf_first *f, int64_t bytes)
{
    f->bytes += bytes;
    return f->counting ? f : malloc((size_t)bytes);
}

static int check(const hf_first_params *p, hf_error *err)
{
    if (p->width < 1 || p->height < 1 || p->work_width < 1 || p->work_height < 1)
        return hf_fail(err, HF_EARG, "match first: size is %dx%d, want at least 1x1", p->width,
                       p->height);
    if (p->n_keys < 1 || p->n_labels < 1)
        return hf_fail(err, HF_EARG, "match first: %d key frames with %d labels, want 1 or more",
                       p->n_keys, p->n_labels);
    if (!(p->temperature > 0.0f))
        return hf_fail(err, HF_EARG, "match first: temperature is %g, want more than 0",
                       (double)p->temperature);
    return HF_OK;
}

static bool take_direction(hf_first *f, direction *d)
{
    int64_t n = (int64_t)f->p.width * f->p.height;
    return (d->index = take(f, 4 * n)) && (d->similarity = take(f, 4 * n)) &&
           (d->host_index = take_host(f, 4 * n)) && (d->host_similarity = take_host(f, 4 * n));
}

static bool take_keys(hf_first *f, int64_t feature_bytes)
{
    if (f->counting) {
        f->bytes += f->p.n_keys * feature_bytes;
        return true;
    }
    if (!(f->keys = calloc((size_t)f->p.n_keys, sizeof(*f->keys))))
        return false;
    for (int k = 0; k < f->p.n_keys; k++)
        if (!(f->keys[k].features = take(f, feature_bytes)))
            return false;
    return true;
}

static bool take_all(hf_first *f)
{
    int64_t n = (int64_t)f->p.width * f->p.height, G = group_size(&f->p);
    int64_t feature_bytes = (int64_t)4 * f->h * f->w * f->model->n_channels;
    hf_tensor view = feature_view(f, NULL);
    hf_match_dense_params mp = match_params(&f->p);

    f->match_scratch_bytes = (int64_t)f->be->ops.match_dense_scratch_bytes(f->be, &view, &view, &mp);
    f->splat_scratch_bytes = (int64_t)hf_splat_scratch_bytes(f->p.width, f->p.height, f->p.width,
                                                             f->p.height);
    return take_keys(f, feature_bytes) && (f->features = take(f, feature_bytes)) &&
           (f->rgb = take(f, (int64_t)3 * f->p.work_width * f->p.work_height)) &&
           take_direction(f, &f->forward) && take_direction(f, &f->backward) &&
           (f->match_scratch = take(f, f->match_scratch_bytes)) &&
           (f->splat_scratch = take(f, f->splat_scratch_bytes)) &&
           (f->payload = take(f, 4 * n * G)) && (f->splatted = take(f, 4 * n * G)) &&
           (f->landed = take(f, 4 * n)) && (f->winner = take(f, 4 * n)) &&
           (f->host_group = take_host(f, 4 * n * fill_channels(&f->p))) &&
           (f->known = take_host(f, 4 * n)) && (f->source = take_host(f, 4 * n)) &&
           (f->origin = take_host(f, n));
}

static void set_sizes(hf_first *f, hf_model *model, const hf_first_params *params)
{
    f->model = model, f->be = model->backend, f->p = *params;
    hf_model_grid(model, params->work_width, params->work_height, &f->h, &f->w);
}

int64_t hf_first_bytes(hf_model *model, const hf_first_params *params)
{
    hf_first f = { .counting = true };
    set_sizes(&f, model, params);
    take_all(&f);
    return f.bytes + (int64_t)hf_fill_bytes(params->width, params->height, fill_channels(params));
}

int hf_first_open(hf_first **out, hf_model *model, const hf_first_params *params, hf_error *err)
{
    hf_first *f = NULL;
    int rc;

    *out = NULL;
    if ((rc = check(params, err)) < 0)
        return rc;
    if (!(f = calloc(1, sizeof(*f)))) {
        rc = hf_fail(err, HF_ENOMEM, "match first: out of memory");
        goto end;
    }
    set_sizes(f, model, params);
    if ((rc = model->prepare(model, params->work_width, params->work_height, err)) < 0)
        goto end;
    if ((rc = hf_fill_new(&f->fill, params->width, params->height, fill_channels(params), err)) < 0)
        goto end;
    if (!take_all(f)) {
        rc = hf_fail(err, HF_ENOMEM, "match first: out of memory for %dx%d pixels with %d labels",
                     params->width, params->height, params->n_labels);
        goto end;
    }
    *out = f;
    f = NULL;
end:
    hf_first_close(&f);
    return rc;
}

static void drop_direction(hf_first *f, direction *d)
{
    f->be->ops.free(f->be, d->index);
    f->be->ops.free(f->be, d->similarity);
    free(d->host_index);
    free(d->host_similarity);
}

void hf_first_close(hf_first **first)
{
    hf_first *f = *first;
    if (!f)
        return;
    for (int k = 0; f->keys && k < f->p.n_keys; k++)
        f->be->ops.free(f->be, f->keys[k].features);
    free(f->keys);
    drop_direction(f, &f->forward);
    drop_direction(f, &f->backward);
    void *const backend_memory[] = { f->rgb, f->features, f->match_scratch, f->splat_scratch,
                                     f->payload, f->splatted, f->landed, f->winner };
    for (size_t i = 0; i < sizeof(backend_memory) / sizeof(backend_memory[0]); i++)
        f->be->ops.free(f->be, backend_memory[i]);
    free(f->host_group);
    free(f->known);
    free(f->source);
    free(f->origin);
    hf_fill_free(&f->fill);
    free(f);
    *first = NULL;
}

static int extract(hf_first *f, float *features, const uint8_t *rgb, bool adapt, hf_error *err)
{
    hf_tensor picture = hf_tensor_view(f->rgb, HF_U8, 3, f->p.work_height, f->p.work_width, 3);
    hf_tensor view = feature_view(f, features);
    int rc = f->be->ops.write(f->be, &picture, rgb, err);

    if (rc >= 0 && adapt && f->model->adapt)
        rc = f->model->adapt(f->model, &picture, err);
    return rc < 0 ? rc : f->model->extract(f->model, &view, &picture, err);
}

int hf_first_seed(hf_first *first, int key, const uint8_t *rgb, const uint8_t *ids,
                  const uint8_t *edit, hf_error *err)
{
    int rc = extract(first, first->keys[key].features, rgb, !first->adapted, err);
    first->adapted = true;
    first->keys[key].ids = ids;
    first->keys[key].edit = edit;
    return rc;
}

int hf_first_frame(hf_first *first, const uint8_t *rgb, hf_error *err)
{
    return extract(first, first->features, rgb, false, err);
}

static int match_one_way(hf_first *f, direction *d, float *source, float *target, hf_error *err)
{
    int H = f->p.height, W = f->p.width, rc;
    hf_tensor index = hf_tensor_view(d->index, HF_I32, 2, H, W);
    hf_tensor similarity = hf_tensor_view(d->similarity, HF_F32, 2, H, W);
    hf_tensor from = feature_view(f, source), to = feature_view(f, target);
    hf_tensor scratch = hf_tensor_view(f->match_scratch, HF_U8, 1, f->match_scratch_bytes);
    hf_match_dense_params params = match_params(&f->p);
    hf_backend *be = f->be;

    if ((rc = be->ops.match_dense(be, &index, &similarity, &from, &to, &params, &scratch, err)) < 0 ||
        (rc = be->ops.match_stay(be, &index, &similarity, &from, &to, HF_MATCH_STAY_TOLERANCE,
                                 err)) < 0 ||
        (rc = be->ops.read(be, d->host_index, &index, err)) < 0)
        return rc;
    return be->ops.read(be, d->host_similarity, &similarity, err);
}

/* Channel c of the drawing at pixel i: the labels, then alpha-multiplied colour and alpha. */
static inline float drawn_value(const key *k, int n_labels, int c, int64_t i)
{
    if (c < n_labels)
        return k->ids[i] == c;
    if (!k->edit)
        return 0.0f;
    float alpha = k->edit[4 * i + 3];
    return c == n_labels + 3 ? alpha : alpha * (1.0f / 255.0f) * k->edit[4 * i + c - n_labels];
}

/* Splat channels c0..c0+C-1 of the drawing into host_group. */
static int splat_group(hf_first *f, const key *k, int c0, int C, hf_error *err)
{
    int H = f->p.height, W = f->p.width, rc;
    hf_tensor out = hf_tensor_view(f->splatted, HF_F32, 3, H, W, C);
    hf_tensor payload = hf_tensor_view(f->payload, HF_F32, 3, H, W, C);
    hf_tensor landed = hf_tensor_view(f->landed, HF_F32, 2, H, W);
    hf_tensor winner = hf_tensor_view(f->winner, HF_I32, 2, H, W);
    hf_tensor index = hf_tensor_view(f->forward.index, HF_I32, 2, H, W);
    hf_tensor similarity = hf_tensor_view(f->forward.similarity, HF_F32, 2, H, W);
    hf_tensor scratch = hf_tensor_view(f->splat_scratch, HF_U8, 1, f->splat_scratch_bytes);
    hf_splat_params params = { .temperature = f->p.temperature };

#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < (int64_t)H * W; i++)
        for (int c = 0; c < C; c++)
            f->host_group[i * C + c] = drawn_value(k, f->p.n_labels, c0 + c, i);
    if ((rc = f->be->ops.write(f->be, &payload, f->host_group, err)) < 0 ||
        (rc = f->be->ops.splat(f->be, &out, &landed, &winner, &payload, &index, &similarity,
                               &params, &scratch, err)) < 0)
        return rc;
    if (c0 == 0 && (rc = f->be->ops.read(f->be, f->source, &winner, err)) < 0)
        return rc;
    if ((rc = f->be->ops.read(f->be, f->host_group, &out, err)) < 0)
        return rc;
    return f->be->ops.sync(f->be, err);
}

/* Where nothing landed, the pixel asks the drawn frame itself: its backward match. */
static void ask_backward(hf_first *f)
{
    int64_t n = (int64_t)f->p.width * f->p.height;

    f->n_unknown = 0;
    for (int64_t q = 0; q < n; q++) {
        f->origin[q] = f->source[q] >= 0 ? LANDED : ASKED;
        if (f->origin[q] == ASKED && f->backward.host_similarity[q] > 0.0f)
            f->source[q] = f->backward.host_index[q];
        else if (f->origin[q] == ASKED)
            f->origin[q] = UNKNOWN, f->n_unknown++;
        f->known[q] = f->origin[q] != UNKNOWN;
    }
}

static void fill_group(hf_first *f, const key *k, int c0, int C)
{
    int64_t n = (int64_t)f->p.width * f->p.height;

#pragma omp parallel for schedule(static)
    for (int64_t q = 0; q < n; q++)
        for (int c = 0; f->origin[q] == ASKED && c < C; c++)
            f->host_group[q * C + c] = drawn_value(k, f->p.n_labels, c0 + c, f->source[q]);
    if (f->n_unknown)
        hf_fill_run(f->fill, f->host_group, f->known, C);
}

/* From a group of channels to the planes of the result. */
static void deal_out(const hf_first *f, hf_first_result *r, int c0, int C)
{
    int64_t n = (int64_t)f->p.width * f->p.height;

    for (int c = 0; c < C; c++) {
        int channel = c0 + c - f->p.n_labels; /* of the edit */
        float *to = channel < 0 ? r->soft + (c0 + c) * n : r->edit + channel;
        int step = channel < 0 ? 1 : 4;
        for (int64_t q = 0; q < n; q++)
            to[q * step] = f->host_group[q * C + c];
    }
}

/* What has no source moves as its surroundings do. */
static void find_coordinates(hf_first *f, float *xy)
{
    int W = f->p.width, H = f->p.height;
    float *moved = f->host_group; /* [H,W,2] */

    for (int64_t q = 0; q < (int64_t)W * H; q++) {
        int32_t p = f->source[q];
        moved[2 * q] = p < 0 ? 0.0f : (float)(p % W - (int)(q % W));
        moved[2 * q + 1] = p < 0 ? 0.0f : (float)(p / W - (int)(q / W));
    }
    if (f->n_unknown)
        hf_fill_run(f->fill, moved, f->known, 2);
    for (int64_t q = 0; q < (int64_t)W * H; q++) {
        xy[2 * q] = moved[2 * q] + (float)(q % W);
        xy[2 * q + 1] = moved[2 * q + 1] + (float)(q / W);
    }
}

static float distance(int32_t a, int32_t b, int width)
{
    float dx = (float)(a % width - b % width), dy = (float)(a / width - b / width);
    return sqrtf(dx * dx + dy * dy);
}

/* Forward and back again should end where it began. */
static void find_cover(const hf_first *f, float *cover)
{
    int W = f->p.width;
    float half_px = HALF_TRUST_CELLS * (float)W / (float)f->w;

    for (int64_t q = 0; q < (int64_t)W * f->p.height; q++) {
        int32_t p = f->source[q];
        float similarity = 0.0f, away = 0.0f;
        if (f->origin[q] == LANDED) {
            similarity = f->forward.host_similarity[p];
            away = distance(p, f->backward.host_index[q], W);
        } else if (f->origin[q] == ASKED) {
            similarity = f->backward.host_similarity[q];
            away = distance((int32_t)q, f->forward.host_index[p], W);
        }
        float trust = TRUST_FLOOR +
                      (1.0f - TRUST_FLOOR) / (1.0f + away * away / (half_px * half_px));
        cover[q] = fminf(fmaxf(similarity, 0.0f), 1.0f) * trust;
    }
}

static float mean_of(const float *values, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)values[i];
    return (float)(sum / (double)n);
}

int hf_first_match(hf_first *first, hf_first_result *result, int key_number, hf_error *err)
{
    hf_first *f = first;
    const key *k = &f->keys[key_number];
    int n = f->p.n_labels + (result->edit ? 4 : 0), rc;

    if ((rc = match_one_way(f, &f->forward, k->features, f->features, err)) < 0 ||
        (rc = match_one_way(f, &f->backward, f->features, k->features, err)) < 0 ||
        (rc = f->be->ops.sync(f->be, err)) < 0)
        return rc;
    for (int c0 = 0; c0 < n; c0 += GROUP) {
        int C = n - c0 < GROUP ? n - c0 : GROUP;
        if ((rc = splat_group(f, k, c0, C, err)) < 0)
            return rc;
        if (c0 == 0)
            ask_backward(f);
        fill_group(f, k, c0, C);
        deal_out(f, result, c0, C);
    }
    find_coordinates(f, result->xy);
    find_cover(f, result->cover);
    result->mean_similarity =
        mean_of(f->backward.host_similarity, (int64_t)f->p.width * f->p.height);
    return HF_OK;
}
