/* model_sd.c - see model_sd.h; the running half. Opening is model_sd_open.c.
 *
 * Sizes come with prepare; extract allocates nothing. All pictures of a batch run together, and what lies between the
 * pictures and the sum of maps is recorded where the backend can.
 */
#include "src/model_sd_parts.h"

#include <stdlib.h>

#include "src/net/pass.h"
#include "src/noise.h"

#define SIZE_UNIT 64 /* pixels that the VAE and the U-Net can halve */

/* ---- sizes ---- */

static int channels_of_layers(const hf_model_sd *m)
{
    const hf_unet_config *c = hf_unet_get_config(m->unet);
    int sum = 0;
    for (int i = 0; i < hf_unet_n_branches(c); i++)
        if (m->s.branches >> i & 1)
            sum += hf_unet_branch_channels(c, i);
    return sum;
}

static int feature_channels(const hf_model_sd *m)
{
    switch (m->s.features) {
    case HF_SD_DIFT:
        return hf_unet_block_channels(hf_unet_get_config(m->unet), m->s.up_block);
    case HF_SD_CONCAT:
        return channels_of_layers(m) * hf_diffusion_n_saved(m->diffusion);
    default:
        return hf_aggregation_n_features(m->aggregation);
    }
}

/* The features have 1 << shift fewer cells than the latent, each way. An up block ends with its upsampler. */
static int feature_shift(const hf_model_sd *m)
{
    if (m->s.features != HF_SD_DIFT)
        return 0;
    int shift = hf_unet_block_shift(hf_unet_get_config(m->unet), m->s.up_block);
    return shift > 0 ? shift - 1 : 0;
}

static int padded(int pixels) { return (pixels + SIZE_UNIT - 1) / SIZE_UNIT * SIZE_UNIT; }

static void square_grid(const hf_model *model, int width, int height, int *h, int *w)
{
    const hf_model_sd *m = (const hf_model_sd *)model;
    (void)width, (void)height;
    *h = *w = m->s.square_px / hf_sd_encoder_stride(m->encoder) >> feature_shift(m);
}

static void set_sizes(hf_model_sd *m, int width, int height)
{
    int stride = hf_sd_encoder_stride(m->encoder), shift = feature_shift(m);
    m->N = m->base.batch > 1 ? m->base.batch : 1;
    m->width = width, m->height = height;
    m->H = m->s.is_padded ? padded(height) : m->s.square_px;
    m->W = m->s.is_padded ? padded(width) : m->s.square_px;
    m->h = m->H / stride, m->w = m->W / stride;
    m->map_h = m->h >> shift, m->map_w = m->w >> shift;
}

/* ---- a run ---- */

/* Tensors of a run, taken from the scratch. */
typedef struct run {
    hf_model_sd *m;
    hf_pass      pass;
    hf_tensor    image, latent, noisy;
    int          channel; /* CONCAT: filled so far; DIFT: noises so far */
} run;

static void take_tensors(run *r, hf_model_sd *m)
{
    r->m = m;
    m->rgb = hf_pass_take(&r->pass, HF_U8, 4, m->N, m->height, m->width, 3);
    r->image = hf_pass_take(&r->pass, HF_F32, 4, m->N, m->H, m->W, 3);
    r->latent = hf_pass_take(&r->pass, HF_F32, 4, m->N, m->h, m->w, hf_unet_get_config(m->unet)->n_latent);
    r->noisy = hf_pass_take_like(&r->pass, &r->latent, r->latent.shape[3]);
    m->sum = hf_pass_take(&r->pass, HF_F32, 4, m->N, m->map_h, m->map_w, m->base.n_channels);
}

/* Picture i of [N,..], with the N. */
static hf_tensor picture_of(const hf_tensor *batch, int64_t i)
{
    hf_tensor one = *batch;
    one.shape[0] = 1;
    one.data = (char *)batch->data + (size_t)i * hf_tensor_bytes(&one);
    return one;
}

/* Repeated edges are nearest neighbours of cells outside the picture, at a scale of one. */
static void make_images(run *r)
{
    const hf_model_sd *m = r->m;
    hf_backend *be = m->base.backend;
    hf_rgb_to_image_params p = {
        .resize = { .kind = HF_RESIZE_BILINEAR, .antialias = true },
        .mean = { 0.5f, 0.5f, 0.5f }, .deviation = { 0.5f, 0.5f, 0.5f },
    };
    if (m->s.is_padded)
        p.resize = (hf_resize_params){ .kind = HF_RESIZE_NEAREST, .scale_y = 1, .scale_x = 1 };
    for (int i = 0; i < m->N && r->pass.rc >= 0; i++) {
        hf_tensor image = picture_of(&r->image, i), rgb = picture_of(&m->rgb, i);
        image = hf_tensor_view_shape(image.data, image.dtype, 3, image.shape + 1);
        rgb = hf_tensor_view_shape(rgb.data, rgb.dtype, 3, rgb.shape + 1);
        r->pass.rc = be->ops.rgb_to_image(be, &image, &rgb, &p, r->pass.err);
    }
}

/* A map of a saved step into the sum of hyperfeatures. */
static int add_to_sum(void *ctx, int saved, int branch, const hf_tensor *map, hf_error *err)
{
    run *r = ctx;
    return hf_aggregation_add(r->m->aggregation, &r->m->sum, map, r->m->s.rows[saved], branch, err);
}

/* A raw layer beside those before it, brought to the latent's cells. */
static int put_beside(void *ctx, int saved, int branch, const hf_tensor *map, hf_error *err)
{
    run *r = ctx;
    hf_pass *p = &r->pass;
    const hf_tensor *sum = &r->m->sum;
    size_t mark = hf_arena_mark(p->arena);
    hf_tensor large = *map;

    (void)saved, (void)branch, (void)err; /* p->err is err */
    if (map->shape[1] != sum->shape[1] || map->shape[2] != sum->shape[2] || map->dtype != HF_F32) {
        large = hf_pass_take(p, HF_F32, 4, sum->shape[0], sum->shape[1], sum->shape[2], map->shape[3]);
        hf_pass_resize(p, &large, map, HF_RESIZE_BILINEAR);
    }
    hf_pass_copy_channels(p, sum, &large, r->channel, 0, map->shape[3]);
    r->channel += (int)map->shape[3];
    hf_arena_rewind(p->arena, mark);
    return p->rc;
}

/* The same start for every picture. */
static void copy_noise(run *r)
{
    hf_backend *be = r->m->base.backend;
    for (int i = 0; i < r->m->N && r->pass.rc >= 0; i++) {
        hf_tensor one = picture_of(&r->latent, i);
        r->pass.rc = be->ops.copy(be, &one, &r->m->noise, r->pass.err);
    }
}

static void run_steps(run *r)
{
    hf_model_sd *m = r->m;
    hf_diffusion_sink sink = { .take = m->aggregation ? add_to_sum : put_beside, .ctx = r };
    hf_tensor start = r->latent;

    if (m->s.way == HF_DIFFUSION_NOISE)
        copy_noise(r);
    if (m->there && r->pass.rc >= 0) {
        r->pass.rc = hf_diffusion_run(m->there, &r->noisy, &r->latent, NULL, r->pass.err);
        start = r->noisy;
    }
    if (m->aggregation)
        hf_aggregation_begin(m->aggregation);
    if (r->pass.rc >= 0)
        r->pass.rc = hf_diffusion_run(m->diffusion, NULL, &start, &sink, r->pass.err);
}

/* sum = the block's output; + for all noises but the first. */
static int add_block(void *ctx, int block, const hf_tensor *map, hf_error *err)
{
    run *r = ctx;
    (void)block, (void)err;
    if (r->channel++ == 0)
        hf_pass_add(&r->pass, &r->m->sum, map, map, 1, 0);
    else
        hf_pass_add(&r->pass, &r->m->sum, &r->m->sum, map, 1, 1);
    return r->pass.rc;
}

static void run_ensemble(run *r)
{
    hf_model_sd *m = r->m;
    hf_unet_taps taps = { .blocks = 1u << m->s.up_block, .take_block = add_block, .ctx = r };

    for (int i = 0; i < m->s.n_ensemble && r->pass.rc >= 0; i++) {
        hf_tensor noise = picture_of(&m->noise, i);
        for (int k = 0; k < m->N; k++) {
            hf_tensor noisy = picture_of(&r->noisy, k), latent = picture_of(&r->latent, k);
            hf_pass_add(&r->pass, &noisy, &latent, &noise, m->picture_factor, m->noise_factor);
        }
        if (r->pass.rc >= 0)
            r->pass.rc = hf_unet_run(m->unet, NULL, &r->noisy, m->prompt, m->times, 0, &taps, r->pass.err);
    }
}

/* From the pictures to the sum of maps: what is recorded. */
static int run_all(void *ctx, hf_error *err)
{
    hf_model_sd *m = ctx;
    run r = { .pass = { .be = m->base.backend, .arena = m->scratch, .err = err } };

    hf_arena_reset(m->scratch);
    take_tensors(&r, m);
    if (m->s.way != HF_DIFFUSION_NOISE || m->s.features == HF_SD_DIFT) {
        make_images(&r);
        if (r.pass.rc >= 0)
            r.pass.rc = hf_sd_encoder_run(m->encoder, m->scratch, &r.latent, &r.image, m->s.seed, err);
    }
    (m->s.features == HF_SD_DIFT ? run_ensemble : run_steps)(&r);
    return r.pass.rc;
}

/* Pictures to the place where a run reads them; those that are missing in a batch are the last one again. */
static int put_pictures(hf_model_sd *m, const hf_tensor *rgb, hf_error *err)
{
    hf_backend *be = m->base.backend;
    run r = { .pass = { .be = be, .arena = m->scratch, .err = err } };
    int rc = HF_OK;

    hf_arena_reset(m->scratch);
    take_tensors(&r, m);
    for (int64_t i = 0; i < m->N && rc >= 0; i++) {
        hf_tensor to = picture_of(&m->rgb, i), from = picture_of(rgb, i < rgb->shape[0] ? i : rgb->shape[0] - 1);
        rc = be->ops.copy(be, &to, &from, err);
    }
    return rc < 0 ? rc : r.pass.rc;
}

/* Padding off (nearest neighbours at a scale of one: the first h x w cells), and unit length. */
static int finish(hf_model_sd *m, hf_tensor *features, hf_error *err)
{
    hf_backend *be = m->base.backend;
    hf_l2_normalize_params unit = { .epsilon = 0 };
    hf_resize_params crop = { .kind = HF_RESIZE_NEAREST, .scale_y = 1, .scale_x = 1 };
    hf_tensor sum = m->sum;

    sum.shape[0] = features->shape[0];
    int rc = be->ops.resize(be, features, &sum, &crop, err);
    return rc < 0 ? rc : be->ops.l2_normalize(be, features, features, &unit, err);
}

static int extract_batch(hf_model *model, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    hf_model_sd *m = (hf_model_sd *)model;
    int rc;

    if (rgb->shape[0] > m->N)
        return hf_fail(err, HF_EARG, "%s: %lld pictures at once, prepared for %d", model->name, (long long)rgb->shape[0], m->N);
    if ((rc = put_pictures(m, rgb, err)) < 0 || (rc = hf_recorder_run(&m->recorder, run_all, m, err)) < 0)
        return rc;
    return finish(m, features, err);
}

static int extract(hf_model *model, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    hf_tensor out = hf_tensor_view(features->data, features->dtype, 4, 1, features->shape[0], features->shape[1], features->shape[2]);
    hf_tensor in = hf_tensor_view(rgb->data, rgb->dtype, 4, 1, rgb->shape[0], rgb->shape[1], rgb->shape[2]);
    return extract_batch(model, &out, &in, err);
}

/* ---- sizes, memory ---- */

/* Everything a run takes from the scratch. */
static int plan(hf_model_sd *m, hf_arena *arena, hf_error *err)
{
    run r = { .pass = { .be = m->base.backend, .arena = arena, .err = err } };
    int rc;

    take_tensors(&r, m);
    size_t mark = hf_arena_mark(arena);
    if ((rc = r.pass.rc) < 0 || (rc = hf_sd_encoder_plan(m->encoder, arena, m->N, m->H, m->W, err)) < 0)
        return rc;
    hf_arena_rewind(arena, mark);
    if (m->s.features == HF_SD_CONCAT)
        hf_pass_take(&r.pass, HF_F32, 4, m->N, m->h, m->w, channels_of_layers(m)); /* a layer, enlarged */
    hf_arena_rewind(arena, mark);
    return r.pass.rc;
}

static int n_noises(const hf_model_sd *m)
{
    return m->s.features == HF_SD_DIFT ? m->s.n_ensemble : m->s.way == HF_DIFFUSION_NOISE ? 1 : 0;
}

/* The same noises for every frame: what differs between frames is the picture. */
static int make_noise(hf_model_sd *m, hf_error *err)
{
    hf_backend *be = m->base.backend;
    int64_t one = (int64_t)m->h * m->w * hf_unet_get_config(m->unet)->n_latent;
    int n = n_noises(m), rc;
    float *host;

    be->ops.free(be, m->noise.data);
    m->noise = hf_tensor_view(NULL, HF_F32, 4, n, m->h, m->w, hf_unet_get_config(m->unet)->n_latent);
    if (!n)
        return HF_OK;
    host = malloc(hf_tensor_bytes(&m->noise));
    m->noise.data = be->ops.alloc(be, hf_tensor_bytes(&m->noise));
    if (!host || !m->noise.data) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for %d noises", m->base.name, n);
        goto end;
    }
    /* Streams of the encoder's own samples begin at 0. */
    for (int i = 0; i < n; i++)
        hf_noise_normal(host + i * one, 0, one, (uint64_t)m->s.seed, (uint64_t)(1 + i));
    if ((rc = be->ops.write(be, &m->noise, host, err)) >= 0)
        rc = be->ops.sync(be, err);
end:
    free(host);
    return rc;
}

static int prepare_steps(hf_model_sd *m, hf_error *err)
{
    int rc = hf_unet_prepare(m->unet, m->N, m->h, m->w, err);
    if (rc >= 0 && m->diffusion)
        rc = hf_diffusion_prepare(m->diffusion, m->N, m->h, m->w, err);
    if (rc >= 0 && m->there)
        rc = hf_diffusion_prepare(m->there, m->N, m->h, m->w, err);
    if (rc >= 0 && m->aggregation)
        rc = hf_aggregation_prepare(m->aggregation, m->N, m->map_h, m->map_w, err);
    return rc;
}

static int prepare(hf_model *model, int width, int height, hf_error *err)
{
    hf_model_sd *m = (hf_model_sd *)model;
    int rc;

    if (m->scratch && m->width == width && m->height == height && m->N == (model->batch > 1 ? model->batch : 1))
        return HF_OK;
    hf_recorder_reset(&m->recorder);
    hf_arena_free(&m->scratch);
    set_sizes(m, width, height);
    if ((rc = prepare_steps(m, err)) < 0 || (rc = make_noise(m, err)) < 0 ||
        (rc = hf_arena_new(&m->scratch, model->backend, "sd scratch", err)) < 0)
        return rc;
    if ((rc = plan(m, m->scratch, err)) < 0 || (rc = hf_arena_seal(m->scratch, 0, err)) < 0)
        hf_arena_free(&m->scratch);
    return rc;
}

static int64_t bytes(const hf_model *model, int width, int height)
{
    hf_model_sd at = *(const hf_model_sd *)model;
    hf_arena *arena = NULL;
    int64_t sum = hf_unet_weight_bytes(at.unet) + hf_sd_encoder_bytes(at.encoder);

    set_sizes(&at, width, height);
    sum += at.diffusion ? hf_diffusion_bytes(at.diffusion, at.N, at.h, at.w) : hf_unet_scratch_bytes(at.unet, at.N, at.h, at.w);
    if (at.aggregation)
        sum += hf_aggregation_weight_bytes(at.aggregation) + hf_aggregation_scratch_bytes(at.aggregation, at.N, at.map_h, at.map_w);
    if (hf_arena_new(&arena, model->backend, "sd scratch", NULL) == HF_OK && plan(&at, arena, NULL) == HF_OK)
        sum += (int64_t)hf_arena_peak(arena);
    hf_arena_free(&arena);
    return sum + (int64_t)n_noises(&at) * at.h * at.w * 16;
}

void hf_model_sd_close(hf_model *model)
{
    hf_model_sd *m = (hf_model_sd *)model;
    hf_recorder_reset(&m->recorder);
    hf_arena_free(&m->scratch);
    m->base.backend->ops.free(m->base.backend, m->noise.data);
    hf_unet_times_free(&m->times);
    hf_diffusion_free(&m->there);
    hf_diffusion_free(&m->diffusion);
    hf_unet_prompt_free(&m->negative);
    hf_unet_prompt_free(&m->prompt);
    hf_aggregation_close(&m->aggregation);
    hf_unet_close(&m->unet);
    hf_sd_encoder_close(&m->encoder);
    free(m);
}

void hf_model_sd_fill(hf_model_sd *m, const hf_preset *preset)
{
    m->base.name = preset->name;
    m->base.n_channels = feature_channels(m);
    m->base.stride_px = m->s.is_padded ? hf_sd_encoder_stride(m->encoder) << feature_shift(m) : 0;
    m->base.grid = m->s.is_padded ? NULL : square_grid;
    m->base.prepare = prepare;
    m->base.extract = extract;
    m->base.extract_batch = extract_batch;
    m->base.bytes = bytes;
}
