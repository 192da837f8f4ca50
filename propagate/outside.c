/* outside.c - see outside.h. */
#include "propagate/outside.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/fill.h"
#include "propagate/splat.h"
#include "propagate/warp.h"

/* Channels splatted at once: bounds the memory, whatever the number of labels. */
#define GROUP 8
/* Every displacement is as good as any other: where several land on one pixel they are averaged. */
#define TEMPERATURE 1.0f

struct hf_outside {
    hf_backend       *be;
    hf_outside_params p;
    hf_fill          *fill;
    float            *moved; /* [H,W,2] displacement back to the drawn frame */
    float            *known; /* [H,W] 0 where `moved` has to be filled */

    /* HF_FLOW_FROM_KEY only; the first row on the host, the others in backend memory */
    float  *group, *landed, *target; /* [H,W,G], [H,W], [H,W,2] */
    int32_t *winner;                 /* [H,W] */
    float   *be_payload, *be_out, *be_landed, *be_target, *be_similarity;
    int32_t *be_winner;
    void    *be_scratch;
    bool     counting; /* count bytes, allocate nothing */
    int64_t  bytes;
};

static int64_t n_pixels(const hf_outside *o)
{
    return (int64_t)o->p.width * o->p.height;
}

/* ---- memory ---- */

static void *take_host(hf_outside *o, int64_t bytes)
{
    o->bytes += bytes;
    return o->counting ? o : malloc((size_t)bytes);
}

static void *take(hf_outside *o, int64_t bytes)
{
    o->bytes += bytes;
    return o->counting ? o : o->be->ops.alloc(o->be, (size_t)bytes);
}

static bool take_all(hf_outside *o)
{
    int64_t n = n_pixels(o);
    if (!(o->moved = take_host(o, 8 * n)) || !(o->known = take_host(o, 4 * n)))
        return false;
    if (o->p.way == HF_FLOW_TO_KEY)
        return true;
    int64_t scratch = (int64_t)hf_splat_scratch_bytes(o->p.width, o->p.height, o->p.width, o->p.height);
    return (o->group = take_host(o, 4 * GROUP * n)) && (o->landed = take_host(o, 4 * n)) &&
           (o->target = take_host(o, 8 * n)) && (o->winner = take_host(o, 4 * n)) &&
           (o->be_payload = take(o, 4 * GROUP * n)) && (o->be_out = take(o, 4 * GROUP * n)) &&
           (o->be_landed = take(o, 4 * n)) && (o->be_target = take(o, 8 * n)) &&
           (o->be_similarity = take(o, 4 * n)) && (o->be_winner = take(o, 4 * n)) &&
           (o->be_scratch = take(o, scratch));
}

int64_t hf_outside_bytes(const hf_outside_params *params)
{
    hf_outside o = { .p = *params, .counting = true };
    take_all(&o);
    return o.bytes + (int64_t)hf_fill_bytes(params->width, params->height, 2);
}

int hf_outside_open(hf_outside **out, hf_backend *be, const hf_outside_params *params, hf_error *err)
{
    hf_outside *o = NULL;
    int rc = HF_OK;

    *out = NULL;
    if (params->width < 1 || params->height < 1 || params->n_labels < 1)
        return hf_fail(err, HF_EARG, "flow: %dx%d pixels with %d labels, want 1 or more", params->width, params->height,
                       params->n_labels);
    if (!(o = calloc(1, sizeof(*o))))
        return hf_fail(err, HF_ENOMEM, "flow: out of memory");
    o->be = be;
    o->p = *params;
    if ((rc = hf_fill_new(&o->fill, params->width, params->height, 2, err)) < 0)
        goto end;
    if (!take_all(o)) {
        rc = hf_fail(err, HF_ENOMEM, "flow: out of memory for %dx%d pixels", params->width, params->height);
        goto end;
    }
    /* Backend memory comes zeroed; similarity stays 0: all displacements count the same. */
    *out = o;
    o = NULL;
end:
    hf_outside_close(&o);
    return rc;
}

void hf_outside_close(hf_outside **outside)
{
    hf_outside *o = outside ? *outside : NULL;
    if (!o)
        return;
    void *const backend_memory[] = { o->be_payload, o->be_out, o->be_landed, o->be_target, o->be_similarity,
                                     o->be_winner, o->be_scratch };
    for (size_t i = 0; i < sizeof(backend_memory) / sizeof(backend_memory[0]); i++)
        o->be->ops.free(o->be, backend_memory[i]);
    hf_fill_free(&o->fill);
    free(o->moved), free(o->known);
    free(o->group), free(o->landed), free(o->target), free(o->winner);
    free(o);
    *outside = NULL;
}

/* ---- fetching ---- */

static bool is_inside(const hf_outside *o, float x, float y)
{
    return x >= -0.5f && y >= -0.5f && x <= (float)o->p.width - 0.5f && y <= (float)o->p.height - 0.5f;
}

/* One-hot labels of the drawn frame at a place between its pixels. */
static void fetch_labels(float *soft, const hf_outside *o, const uint8_t *ids, int64_t q, float x, float y)
{
    int W = o->p.width, H = o->p.height;
    int64_t n = n_pixels(o);
    x = fminf(fmaxf(x, 0.0f), (float)(W - 1));
    y = fminf(fmaxf(y, 0.0f), (float)(H - 1));
    int x0 = (int)x, y0 = (int)y, x1 = x0 + 1 < W ? x0 + 1 : x0, y1 = y0 + 1 < H ? y0 + 1 : y0;
    float fx = x - (float)x0, fy = y - (float)y0;

    for (int l = 0; l < o->p.n_labels; l++)
        soft[l * n + q] = 0.0f;
    soft[ids[(int64_t)y0 * W + x0] * n + q] += (1 - fy) * (1 - fx);
    soft[ids[(int64_t)y0 * W + x1] * n + q] += (1 - fy) * fx;
    soft[ids[(int64_t)y1 * W + x0] * n + q] += fy * (1 - fx);
    soft[ids[(int64_t)y1 * W + x1] * n + q] += fy * fx;
}

/* Fill what is not known of `moved`, and turn it into places in the drawn frame. */
static void finish_coordinates(hf_outside *o, float *xy, bool any_unknown)
{
    int W = o->p.width;
    if (any_unknown)
        hf_fill_run(o->fill, o->moved, o->known, 2);
    for (int64_t q = 0; q < n_pixels(o); q++) {
        xy[2 * q] = o->moved[2 * q] + (float)(q % W);
        xy[2 * q + 1] = o->moved[2 * q + 1] + (float)(q / W);
    }
}

/* Returns true if some displacement is missing. */
static bool take_flow(hf_outside *o, const float *flow)
{
    int W = o->p.width;
    bool any_unknown = false;
    for (int64_t q = 0; q < n_pixels(o); q++) {
        float dx = flow[2 * q], dy = flow[2 * q + 1];
        bool known = is_inside(o, (float)(q % W) + dx, (float)(q / W) + dy);
        o->moved[2 * q] = known ? dx : 0.0f;
        o->moved[2 * q + 1] = known ? dy : 0.0f;
        o->known[q] = known;
        any_unknown |= !known;
    }
    return any_unknown;
}

static void render_to_key(hf_outside *o, hf_first_result *r, const uint8_t *ids, const uint8_t *edit, const float *flow)
{
    int64_t n = n_pixels(o);
    finish_coordinates(o, r->xy, take_flow(o, flow));
    memcpy(r->cover, o->known, (size_t)n * sizeof(float));
#pragma omp parallel for schedule(static)
    for (int64_t q = 0; q < n; q++)
        fetch_labels(r->soft, o, ids, q, r->xy[2 * q], r->xy[2 * q + 1]);
    if (r->edit && edit)
        hf_warp_edit(r->edit, edit, r->xy, NULL, o->p.width, o->p.height);
}

/* ---- laying down ---- */

/* Channel c of the drawing at pixel i: the labels, then alpha-multiplied colour and alpha. */
static inline float drawn_value(const hf_outside *o, const uint8_t *ids, const uint8_t *edit, int c, int64_t i)
{
    if (c < o->p.n_labels)
        return ids[i] == c;
    float alpha = edit[4 * i + 3];
    return c == o->p.n_labels + 3 ? alpha : alpha * (1.0f / 255.0f) * edit[4 * i + c - o->p.n_labels];
}

static int splat_group(hf_outside *o, const uint8_t *ids, const uint8_t *edit, int c0, int C, hf_error *err)
{
    int H = o->p.height, W = o->p.width, rc;
    hf_tensor out = hf_tensor_view(o->be_out, HF_F32, 3, H, W, C);
    hf_tensor payload = hf_tensor_view(o->be_payload, HF_F32, 3, H, W, C);
    hf_tensor landed = hf_tensor_view(o->be_landed, HF_F32, 2, H, W);
    hf_tensor winner = hf_tensor_view(o->be_winner, HF_I32, 2, H, W);
    hf_tensor target = hf_tensor_view(o->be_target, HF_F32, 3, H, W, 2);
    hf_tensor similarity = hf_tensor_view(o->be_similarity, HF_F32, 2, H, W);
    hf_tensor scratch = hf_tensor_view(o->be_scratch, HF_U8, 1, (int64_t)hf_splat_scratch_bytes(W, H, W, H));
    hf_splat_params params = { .temperature = TEMPERATURE };

    for (int64_t i = 0; i < n_pixels(o); i++)
        for (int c = 0; c < C; c++)
            o->group[i * C + c] = drawn_value(o, ids, edit, c0 + c, i);
    if ((rc = o->be->ops.write(o->be, &payload, o->group, err)) < 0 ||
        (c0 == 0 && (rc = o->be->ops.write(o->be, &target, o->target, err)) < 0) ||
        (rc = o->be->ops.splat(o->be, &out, &landed, &winner, &payload, &target, &similarity, &params, &scratch,
                               err)) < 0 ||
        (rc = o->be->ops.read(o->be, o->group, &out, err)) < 0)
        return rc;
    if (c0 == 0 && ((rc = o->be->ops.read(o->be, o->landed, &landed, err)) < 0 ||
                    (rc = o->be->ops.read(o->be, o->winner, &winner, err)) < 0))
        return rc;
    return o->be->ops.sync(o->be, err);
}

/* From a group of channels to the planes of the result, where something landed. */
static void deal_out(const hf_outside *o, hf_first_result *r, int c0, int C)
{
    int64_t n = n_pixels(o);
    for (int c = 0; c < C; c++) {
        int channel = c0 + c - o->p.n_labels; /* of the edit */
        float *to = channel < 0 ? r->soft + (c0 + c) * n : r->edit + channel;
        int step = channel < 0 ? 1 : 4;
        for (int64_t q = 0; q < n; q++)
            if (o->winner[q] >= 0)
                to[q * step] = o->group[q * C + c];
    }
}

/* The way back from where something landed; returns true if there are holes. */
static bool turn_back(hf_outside *o, const float *flow)
{
    bool any_hole = false;
    for (int64_t q = 0; q < n_pixels(o); q++) {
        int32_t p = o->winner[q];
        o->known[q] = p >= 0;
        o->moved[2 * q] = p < 0 ? 0.0f : -flow[2 * (int64_t)p];
        o->moved[2 * q + 1] = p < 0 ? 0.0f : -flow[2 * (int64_t)p + 1];
        any_hole |= p < 0;
    }
    return any_hole;
}

/* Mean of what landed on a pixel and its neighbours: a crack between pixels that have drawn apart is covered still, the
 * middle of a hole is not. */
static void spread_cover(const hf_outside *o, float *cover)
{
    int W = o->p.width, H = o->p.height;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            float sum = 0.0f;
            int n = 0;
            for (int v = y > 0 ? y - 1 : 0; v <= y + 1 && v < H; v++)
                for (int u = x > 0 ? x - 1 : 0; u <= x + 1 && u < W; u++, n++)
                    sum += fminf(o->landed[(int64_t)v * W + u], 1.0f);
            int64_t q = (int64_t)y * W + x;
            cover[q] = fmaxf(sum / (float)n, fminf(o->landed[q], 1.0f));
        }
}

static void find_targets(hf_outside *o, const float *flow)
{
    for (int64_t i = 0; i < n_pixels(o); i++) {
        o->target[2 * i] = (float)(i % o->p.width) + flow[2 * i];
        o->target[2 * i + 1] = (float)(i / o->p.width) + flow[2 * i + 1];
    }
}

/* Holes first, by fetching; then what landed is laid over them. */
static int render_from_key(hf_outside *o, hf_first_result *r, const uint8_t *ids, const uint8_t *edit, const float *flow,
                           hf_error *err)
{
    int64_t n = n_pixels(o);
    int n_channels = o->p.n_labels + (r->edit && edit ? 4 : 0), rc;

    find_targets(o, flow);
    for (int c0 = 0; c0 < n_channels; c0 += GROUP) {
        int C = n_channels - c0 < GROUP ? n_channels - c0 : GROUP;
        if ((rc = splat_group(o, ids, edit, c0, C, err)) < 0)
            return rc;
        if (c0 == 0) {
            finish_coordinates(o, r->xy, turn_back(o, flow));
#pragma omp parallel for schedule(static)
            for (int64_t q = 0; q < n; q++)
                fetch_labels(r->soft, o, ids, q, r->xy[2 * q], r->xy[2 * q + 1]);
            if (r->edit && edit)
                hf_warp_edit(r->edit, edit, r->xy, NULL, o->p.width, o->p.height);
        }
        deal_out(o, r, c0, C);
    }
    spread_cover(o, r->cover);
    return HF_OK;
}

int hf_outside_render(hf_outside *outside, hf_first_result *result, const uint8_t *ids, const uint8_t *edit,
                      const float *flow, hf_error *err)
{
    hf_outside *o = outside;
    int64_t n = n_pixels(o);
    double sum = 0.0;
    int rc = HF_OK;

    if (o->p.way == HF_FLOW_TO_KEY)
        render_to_key(o, result, ids, edit, flow);
    else
        rc = render_from_key(o, result, ids, edit, flow, err);
    if (rc < 0)
        return rc;
    if (result->edit && !edit)
        memset(result->edit, 0, (size_t)n * 4 * sizeof(float));
    for (int64_t q = 0; q < n; q++)
        sum += (double)result->cover[q];
    result->mean_similarity = (float)(sum / (double)n);
    return HF_OK;
}
