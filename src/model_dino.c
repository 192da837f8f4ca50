/* model_dino.c - DINO and DINOv2 as feature models: picture, network, what is made of its layers.
 *
 * One layer is given as it is, with log-binning around it, or all layers side by side, or through an aggregation network.
 * Cells are stride x stride pixels: the picture is continued at its edges by (patch - stride) / 2 pixels, so that
 * the middle of a patch is the middle of its cell, and on the right and below to whole cells. The scripts of the
 * repositories shrink the picture to a multiple of the patch instead, which moves every pixel.
 */
#include "src/model_dino.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/aggregation_files.h"
#include "src/arena.h"
#include "src/dino_files.h"
#include "src/net/log_bin.h"
#include "src/net/vit.h"
#include "src/recorded.h"

#define MAX_TAPS 64 /* layers of the largest published network: 40 */

typedef enum dino_making { ONE_LAYER, BINNED, SIDE_BY_SIDE, AGGREGATED } dino_making;

typedef struct hf_model_dino {
    hf_model        base; /* first: callers hold this one */
    char            name[64];
    hf_vit         *vit;
    hf_aggregation *aggregation;
    dino_making     making;
    hf_vit_facet    facet;
    int             layer, levels; /* of ONE_LAYER and BINNED; of BINNED */

    hf_log_bin *bin; /* for one size of picture */
    hf_arena   *arena;
    int         W, H, h, w;
    int         padded_W, padded_H;
    bool        pads;
    hf_tensor   image, padded, index; /* [H*W,3], [Hp*Wp,3], i32 [Hp*Wp]: the pixel that each padded one repeats */
    int         n_taps;
    hf_recorded recorded;
    hf_tensor   layers[MAX_TAPS]; /* [h,w,C]; of ONE_LAYER none: the features themselves */
} hf_model_dino;

/* ---- one size of picture ---- */

static void set_sizes(hf_model_dino *m, int width, int height)
{
    const hf_vit_sizes *s = hf_vit_get_sizes(m->vit);
    m->W = width, m->H = height;
    m->h = (height + s->stride_px - 1) / s->stride_px, m->w = (width + s->stride_px - 1) / s->stride_px;
    m->padded_H = (m->h - 1) * s->stride_px + s->patch_px, m->padded_W = (m->w - 1) * s->stride_px + s->patch_px;
    m->pads = m->padded_H != height || m->padded_W != width;
}

static int take_all(hf_model_dino *m, hf_error *err)
{
    int64_t C = hf_vit_get_sizes(m->vit)->width, n = (int64_t)m->padded_H * m->padded_W;
    int rc = hf_arena_take(m->arena, &m->image, err, HF_F32, 2, (int64_t)m->H * m->W, 3);

    m->padded = m->image;
    if (rc >= 0 && m->pads && (rc = hf_arena_take(m->arena, &m->padded, err, HF_F32, 2, n, 3)) >= 0)
        rc = hf_arena_take(m->arena, &m->index, err, HF_I32, 1, n);
    for (int i = 0; i < m->n_taps && m->making != ONE_LAYER && rc >= 0; i++)
        rc = hf_arena_take(m->arena, &m->layers[i], err, HF_F32, 3, m->h, m->w, C);
    return rc;
}

static int clamp(int v, int top) { return v < 0 ? 0 : v > top ? top : v; }

static int write_index(hf_model_dino *m, hf_error *err)
{
    const hf_vit_sizes *s = hf_vit_get_sizes(m->vit);
    int margin = (s->patch_px - s->stride_px) / 2, rc;
    int32_t *host;

    if (!m->pads)
        return HF_OK;
    if (!(host = malloc(hf_tensor_bytes(&m->index))))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", m->name);
    for (int y = 0; y < m->padded_H; y++)
        for (int x = 0; x < m->padded_W; x++)
            host[(size_t)y * m->padded_W + x] = clamp(y - margin, m->H - 1) * m->W + clamp(x - margin, m->W - 1);
    if ((rc = m->base.backend->ops.write(m->base.backend, &m->index, host, err)) >= 0)
        rc = m->base.backend->ops.sync(m->base.backend, err);
    free(host);
    return rc;
}

static int run_all(void *ctx, const hf_tensor *features, const hf_tensor *rgb, hf_error *err);

/* Operations plan and allocate when they first see a shape. */
static int run_once(hf_model_dino *m, hf_error *err)
{
    hf_backend *be = m->base.backend;
    hf_tensor rgb = hf_tensor_view(NULL, HF_U8, 3, m->H, m->W, 3);
    hf_tensor features = hf_tensor_view(NULL, HF_F32, 3, m->h, m->w, m->base.n_channels);
    int rc = HF_OK;

    rgb.data = be->ops.alloc(be, hf_tensor_bytes(&rgb));
    features.data = be->ops.alloc(be, hf_tensor_bytes(&features));
    if (!rgb.data || !features.data)
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for %d x %d pixels", m->name, m->W, m->H);
    if (rc >= 0 && (rc = hf_recorded_run(&m->recorded, &features, &rgb, err)) >= 0)
        rc = be->ops.sync(be, err);
    be->ops.free(be, rgb.data);
    be->ops.free(be, features.data);
    return rc;
}

static int prepare(hf_model *model, int width, int height, hf_error *err)
{
    hf_model_dino *m = (hf_model_dino *)model;
    int C = hf_vit_get_sizes(m->vit)->width, rc;

    hf_recorded_free(&m->recorded); /* before what it uses */
    hf_arena_free(&m->arena);
    hf_log_bin_free(&m->bin);
    set_sizes(m, width, height);
    if ((rc = hf_arena_new(&m->arena, model->backend, m->name, err)) < 0 || (rc = take_all(m, err)) < 0 ||
        (rc = hf_arena_seal(m->arena, 0, err)) < 0 || (rc = take_all(m, err)) < 0 || (rc = write_index(m, err)) < 0 ||
        (rc = hf_vit_prepare(m->vit, m->padded_W, m->padded_H, err)) < 0)
        return rc;
    if (m->making == BINNED && (rc = hf_log_bin_new(&m->bin, model->backend, m->levels, m->h, m->w, C, err)) < 0)
        return rc;
    if (m->aggregation && (rc = hf_aggregation_prepare(m->aggregation, 1, m->h, m->w, err)) < 0)
        return rc;
    if ((rc = hf_recorded_prepare(&m->recorded, model->backend, width, height, m->h, m->w, model->n_channels, run_all, m,
                                  err)) < 0)
        return rc;
    return run_once(m, err);
}

static int64_t bytes(const hf_model *model, int width, int height)
{
    hf_model_dino m = *(const hf_model_dino *)model;
    int C = hf_vit_get_sizes(m.vit)->width;
    set_sizes(&m, width, height);
    int64_t n = (int64_t)m.padded_H * m.padded_W, cells = (int64_t)m.h * m.w;
    return hf_vit_bytes(m.vit, m.padded_W, m.padded_H) + (int64_t)12 * width * height + (m.pads ? 16 * n : 0) +
           (m.making == ONE_LAYER ? 0 : 4 * cells * C * m.n_taps) +
           (m.making == BINNED ? hf_log_bin_bytes(m.levels, m.h, m.w, C) : 0) + 4 * cells * model->n_channels +
           hf_recorded_bytes(model->backend, width, height, m.h, m.w, model->n_channels);
}

/* ---- a picture ---- */

static int make_image(hf_model_dino *m, const hf_tensor *rgb, hf_error *err)
{
    /* ImageNet's, as both repositories use them */
    static const hf_rgb_to_image_params p = { .resize = { .kind = HF_RESIZE_NEAREST },
                                              .mean = { 0.485f, 0.456f, 0.406f },
                                              .deviation = { 0.229f, 0.224f, 0.225f } };
    hf_backend *be = m->base.backend;
    hf_tensor image = hf_tensor_view(m->image.data, HF_F32, 3, m->H, m->W, 3);
    int rc = be->ops.rgb_to_image(be, &image, rgb, &p, err);
    return rc < 0 || !m->pads ? rc : be->ops.gather_rows(be, &m->padded, &m->image, &m->index, err);
}

static int normalize(hf_model_dino *m, const hf_tensor *x, hf_error *err)
{
    hf_l2_normalize_params p = { 0 };
    return m->base.backend->ops.l2_normalize(m->base.backend, x, x, &p, err);
}

/* The layers into the features. */
static int combine(hf_model_dino *m, const hf_tensor *features, hf_error *err)
{
    hf_backend *be = m->base.backend;
    hf_tensor batch = hf_tensor_view(features->data, HF_F32, 4, 1, m->h, m->w, m->base.n_channels);
    int64_t C = hf_vit_get_sizes(m->vit)->width;
    int rc = HF_OK;

    if (m->making == BINNED)
        return hf_log_bin_run(m->bin, features, &m->layers[0], err);
    if (m->making == AGGREGATED)
        hf_aggregation_begin(m->aggregation);
    for (int i = 0; i < m->n_taps && m->making != ONE_LAYER && rc >= 0; i++) {
        hf_copy_channels_params to = { .to = i * C, .n = C };
        hf_tensor map = hf_tensor_view(m->layers[i].data, HF_F32, 4, 1, m->h, m->w, C);
        if (m->making == AGGREGATED)
            rc = hf_aggregation_add(m->aggregation, &batch, &map, 0, i, err);
        else if ((rc = normalize(m, &m->layers[i], err)) >= 0)
            rc = be->ops.copy_channels(be, features, &m->layers[i], &to, err);
    }
    return rc;
}

static int run_all(void *ctx, const hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    hf_model_dino *m = ctx;
    hf_tensor image = hf_tensor_view(m->padded.data, HF_F32, 3, m->padded_H, m->padded_W, 3);
    hf_vit_tap taps[MAX_TAPS];
    int rc;

    for (int i = 0; i < m->n_taps; i++)
        taps[i] = (hf_vit_tap){ m->n_taps > 1 ? i + 1 : m->layer, m->facet,
                                m->making == ONE_LAYER ? *features : m->layers[i] };
    if ((rc = make_image(m, rgb, err)) < 0 || (rc = hf_vit_run(m->vit, &image, taps, m->n_taps, err)) < 0 ||
        (rc = combine(m, features, err)) < 0)
        return rc;
    return normalize(m, features, err);
}

static int extract(hf_model *model, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    return hf_recorded_run(&((hf_model_dino *)model)->recorded, features, rgb, err);
}

/* ---- opening ---- */

static void close_model(hf_model *model)
{
    hf_model_dino *m = (hf_model_dino *)model;
    hf_recorded_free(&m->recorded);
    hf_arena_free(&m->arena);
    hf_log_bin_free(&m->bin);
    hf_aggregation_close(&m->aggregation);
    hf_vit_free(&m->vit);
    free(m);
}

static int load_network(hf_model_dino *m, const hf_model_params *p, const hf_dino_row *row, hf_error *err)
{
    hf_dino_files files;
    int rc = hf_dino_files_open(&files, row, p->weights, err);
    if (rc < 0)
        return rc;
    hf_vit_params params = { .n_heads = files.n_heads, .stride_px = p->stride };
    if ((rc = hf_model_arithmetic(&params.dtype, m->base.backend, p->precision, err)) < 0 ||
        (rc = hf_vit_new(&m->vit, m->base.backend, files.weights, &params, err)) < 0)
        goto end;
    const hf_vit_sizes *s = hf_vit_get_sizes(m->vit);
    if (row->width && (s->width != row->width || s->patch_px != row->patch_px || s->n_registers != row->n_registers))
        rc = hf_fail(err, HF_EMODEL, "%s: patch %d, width %d, %d registers; %s has patch %d, width %d, %d registers",
                     files.path, s->patch_px, s->width, s->n_registers, row->name, row->patch_px, row->width,
                     row->n_registers);
end:
    hf_dino_files_close(&files);
    return rc;
}

static int load_aggregation(hf_model_dino *m, const hf_model_params *p, hf_error *err)
{
    const hf_vit_sizes *s = hf_vit_get_sizes(m->vit);
    hf_aggregation_file *file = NULL;
    int rc = hf_aggregation_file_open(&file, p->aggregation, err);
    if (rc < 0)
        return rc;
    if (file->n_layers != s->depth || file->n_saved != 1 || file->channels[0] != s->width)
        rc = hf_fail(err, HF_EMODEL, "%s: made for %d layers of %d channels at %d steps; %s has %d layers of %d at one step",
                     p->aggregation, file->n_layers, file->channels[0], file->n_saved, m->name, s->depth, s->width);
    else if ((rc = hf_aggregation_open(&m->aggregation, m->base.backend, file->weights, file->prefix, file->n_groups,
                                       HF_F32, err)) >= 0)
        m->base.n_channels = hf_aggregation_n_features(m->aggregation);
    hf_aggregation_file_close(&file);
    return rc;
}

/* What is made of the layers, and how many channels that gives. */
static int set_making(hf_model_dino *m, const hf_model_params *p, hf_error *err)
{
    static const hf_vit_facet facets[] = { [HF_FACET_AUTO] = HF_VIT_TOKEN, [HF_FACET_TOKEN] = HF_VIT_TOKEN,
                                           [HF_FACET_RAW] = HF_VIT_RAW, [HF_FACET_KEY] = HF_VIT_KEY,
                                           [HF_FACET_QUERY] = HF_VIT_QUERY, [HF_FACET_VALUE] = HF_VIT_VALUE };
    const hf_vit_sizes *s = hf_vit_get_sizes(m->vit);

    if ((p->layer != 0) + (p->all_layers != 0) + (p->aggregation != NULL) > 1 ||
        (p->bins && (p->all_layers || p->aggregation)))
        return hf_fail(err, HF_EARG, "%s: layer, all-layers and aggregation exclude each other, and bins go with one layer",
                       m->name);
    if (p->layer < 0 || p->layer > s->depth)
        return hf_fail(err, HF_EARG, "%s: layer is %d, want 1..%d", m->name, p->layer, s->depth);
    if (p->bins < 0 || p->bins > HF_LOG_BIN_MAX_LEVELS)
        return hf_fail(err, HF_EARG, "%s: %d levels of bins, want 1..%d", m->name, p->bins, HF_LOG_BIN_MAX_LEVELS);
    m->facet = facets[p->facet];
    m->layer = p->layer ? p->layer : s->depth;
    m->levels = p->bins;
    m->making = p->aggregation ? AGGREGATED : p->all_layers ? SIDE_BY_SIDE : p->bins ? BINNED : ONE_LAYER;
    m->n_taps = m->making >= SIDE_BY_SIDE ? s->depth : 1;
    if (m->n_taps > MAX_TAPS)
        return hf_fail(err, HF_EUNSUPPORTED, "%s: %d layers at a time, want up to %d", m->name, m->n_taps, MAX_TAPS);
    m->base.n_channels = m->making == BINNED ? hf_log_bin_parts(p->bins) * s->width : m->n_taps * s->width;
    return p->aggregation ? load_aggregation(m, p, err) : HF_OK;
}

bool hf_model_dino_is_path(const char *path)
{
    hf_dino_files files;
    bool is = hf_dino_files_open(&files, hf_dino_find("vit"), path, NULL) == HF_OK;
    hf_dino_files_close(&files);
    return is;
}

int hf_model_dino_open(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err)
{
    const hf_dino_row *row = hf_dino_find(params->name);
    hf_model_dino *m = NULL;
    int rc;

    *out = NULL;
    if ((rc = hf_model_check_params(params, row->name,
                                    HF_MODEL_HAS_WEIGHTS | HF_MODEL_HAS_LAYERS | HF_MODEL_HAS_FACETS, err)) < 0)
        goto end;
    if (!(m = calloc(1, sizeof(*m)))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", row->name);
        goto end;
    }
    snprintf(m->name, sizeof(m->name), "%s", row->name);
    m->base = (hf_model){ .name = m->name, .backend = be, .prepare = prepare, .extract = extract, .bytes = bytes,
                          .close = close_model };
    if ((rc = load_network(m, params, row, err)) < 0 || (rc = set_making(m, params, err)) < 0)
        goto end;
    m->base.stride_px = hf_vit_get_sizes(m->vit)->stride_px;
    m->base.n_layers = hf_vit_get_sizes(m->vit)->depth;
    *out = &m->base;
    m = NULL;
end:
    if (m)
        close_model(&m->base);
    return rc;
}
