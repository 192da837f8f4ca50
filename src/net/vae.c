/* vae.c - see vae.h.
 *
 *     conv_in, then for each block: ResNets, and a 3x3 convolution of stride 2 (all blocks but the last)
 *     mid: ResNet, attention of one head over all cells, ResNet
 *     group norm, SiLU, conv_out, quant_conv: mean and log variance of every latent
 *
 *     ResNet:  x' + conv2(silu(norm2(conv1(silu(norm1(x)))))), x' = x, or a 1x1 convolution of it where the
 *              number of channels changes
 *
 * Memory: the maps of the first block are the largest by far (134 MB each at 512 x 512 in f32). Three of them are in use
 * at a time: the stream x, which a ResNet of equal channels changes in place, and the inputs of its two convolutions.
 */
#include "src/net/vae.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/noise.h"

#define MAX_LAYERS 8 /* ResNets a block */
#define EPSILON 1e-6f

typedef struct resnet {
    int     n_in, n_out;
    hf_norm norm1, norm2;
    hf_conv conv1, conv2;
    hf_conv shortcut; /* only where n_in and n_out differ */
} resnet;

typedef struct block {
    resnet  resnets[MAX_LAYERS];
    hf_conv downsample; /* not in the last */
} block;

typedef struct mid_attention {
    hf_norm   norm;
    hf_linear q, k, v, out;
} mid_attention;

struct hf_vae {
    hf_backend   *be;
    hf_vae_config config;
    hf_dtype      stream_type;  /* of x, and of what attention reads */
    hf_dtype      operand_type; /* of what only a convolution or matrix reads */
    hf_layers    *layers;
    const hf_pass_watch *watch;
    hf_conv       conv_in, conv_out, quant_conv;
    block         blocks[HF_VAE_MAX_BLOCKS];
    resnet        mid[2];
    mid_attention attention;
    hf_norm       norm_out;
    float        *moments; /* on the host, for sampling: [n_cells,2 latent channels] */
    float        *latents; /* [n_cells,latent channels] */
    int64_t       n_cells; /* room in both: cells of all pictures of a batch */
};

static int check_config(const hf_vae_config *c, hf_error *err)
{
    if (c->n_blocks < 1 || c->n_blocks > HF_VAE_MAX_BLOCKS)
        return hf_fail(err, HF_EMODEL, "vae: %d blocks, want 1..%d", c->n_blocks, HF_VAE_MAX_BLOCKS);
    if (c->layers_per_block < 1 || c->layers_per_block > MAX_LAYERS)
        return hf_fail(err, HF_EMODEL, "vae: %d layers a block, want 1..%d", c->layers_per_block, MAX_LAYERS);
    if (c->latent_channels < 1 || c->n_groups < 1)
        return hf_fail(err, HF_EMODEL, "vae: %d latent channels and %d norm groups, want at least 1",
                       c->latent_channels, c->n_groups);
    for (int i = 0; i < c->n_blocks; i++)
        if (c->channels[i] < 1 || c->channels[i] % c->n_groups != 0)
            return hf_fail(err, HF_EMODEL, "vae: %d channels in block %d, want a multiple of %d norm groups",
                           c->channels[i], i, c->n_groups);
    if (!(c->scale > 0) || !isfinite(c->scale))
        return hf_fail(err, HF_EMODEL, "vae: a scaling factor of %g, want more than 0", (double)c->scale);
    return HF_OK;
}

int hf_vae_config_infer(hf_vae_config *config, const hf_weights *weights, hf_error *err)
{
    hf_vae_config c = HF_VAE_SD;
    int64_t shape[HF_ENTRY_MAX_DIMS] = { 0 };
    int n_dims, rc;
    char name[96];

    c.n_blocks = c.layers_per_block = 0;
    do { /* conv1 of the first ResNet is in every block */
        snprintf(name, sizeof(name), "encoder.down_blocks.%d.resnets.0.conv1.weight", c.n_blocks);
        if ((rc = hf_weights_shape(weights, name, &n_dims, shape, err)) < 0)
            return rc;
        c.channels[c.n_blocks++] = (int)shape[0];
        snprintf(name, sizeof(name), "encoder.down_blocks.%d.resnets.0.conv1.weight", c.n_blocks);
    } while (c.n_blocks < HF_VAE_MAX_BLOCKS && hf_weights_has(weights, name));
    do
        snprintf(name, sizeof(name), "encoder.down_blocks.0.resnets.%d.conv1.weight", ++c.layers_per_block);
    while (c.layers_per_block < MAX_LAYERS && hf_weights_has(weights, name));
    if ((rc = hf_weights_shape(weights, "quant_conv.weight", &n_dims, shape, err)) < 0)
        return rc;
    c.latent_channels = (int)(shape[0] / 2);
    *config = c;
    return HF_OK;
}

static void load_resnet(hf_layers *l, resnet *r, int n_in, int n_out, const char *name)
{
    r->n_in = n_in, r->n_out = n_out;
    hf_layers_norm(l, &r->norm1, n_in, "%s.norm1", name);
    hf_layers_conv(l, &r->conv1, n_out, n_in, 3, 1, true, "%s.conv1", name);
    hf_layers_norm(l, &r->norm2, n_out, "%s.norm2", name);
    hf_layers_conv(l, &r->conv2, n_out, n_out, 3, 1, true, "%s.conv2", name);
    if (n_in != n_out)
        hf_layers_conv(l, &r->shortcut, n_out, n_in, 1, 1, true, "%s.conv_shortcut", name);
}

static void load_block(hf_layers *l, block *b, const hf_vae_config *c, int i)
{
    int n_in = c->channels[i ? i - 1 : 0], n_out = c->channels[i];
    char name[64];
    for (int j = 0; j < c->layers_per_block; j++) {
        snprintf(name, sizeof(name), "encoder.down_blocks.%d.resnets.%d", i, j);
        load_resnet(l, &b->resnets[j], j ? n_out : n_in, n_out, name);
    }
    if (i == c->n_blocks - 1)
        return;
    hf_layers_conv(l, &b->downsample, n_out, n_out, 3, 2, true, "encoder.down_blocks.%d.downsamplers.0.conv", i);
    /* diffusers pads by (0,1,0,1): on the right and below only. */
    b->downsample.params.pad_top = b->downsample.params.pad_left = 0;
}

static void load_attention(hf_layers *l, mid_attention *a, int C)
{
    const char *name = "encoder.mid_block.attentions.0";
    hf_layers_norm(l, &a->norm, C, "%s.group_norm", name);
    hf_layers_linear(l, &a->q, C, C, true, "%s.to_q", name);
    hf_layers_linear(l, &a->k, C, C, true, "%s.to_k", name);
    hf_layers_linear(l, &a->v, C, C, true, "%s.to_v", name);
    hf_layers_linear(l, &a->out, C, C, true, "%s.to_out.0", name);
}

static int load(hf_vae *vae, hf_error *err)
{
    const hf_vae_config *c = &vae->config;
    hf_layers *l = vae->layers;
    int C = c->channels[c->n_blocks - 1], n_moments = 2 * c->latent_channels;

    hf_layers_conv(l, &vae->conv_in, c->channels[0], 3, 3, 1, true, "encoder.conv_in");
    for (int i = 0; i < c->n_blocks; i++)
        load_block(l, &vae->blocks[i], c, i);
    load_resnet(l, &vae->mid[0], C, C, "encoder.mid_block.resnets.0");
    load_attention(l, &vae->attention, C);
    load_resnet(l, &vae->mid[1], C, C, "encoder.mid_block.resnets.1");
    hf_layers_norm(l, &vae->norm_out, C, "encoder.conv_norm_out");
    hf_layers_conv(l, &vae->conv_out, n_moments, C, 3, 1, true, "encoder.conv_out");
    hf_layers_conv(l, &vae->quant_conv, n_moments, n_moments, 1, 1, true, "quant_conv");
    return hf_layers_status(l, err);
}

int hf_vae_open(hf_vae **out, hf_backend *be, const hf_weights *weights, const hf_vae_config *config, hf_dtype dtype,
                hf_error *err)
{
    hf_vae *vae = NULL;
    int rc;

    *out = NULL;
    if ((rc = check_config(config, err)) < 0)
        return rc;
    if (!(vae = calloc(1, sizeof(*vae))))
        return hf_fail(err, HF_ENOMEM, "vae: out of memory");
    vae->be = be, vae->config = *config;
    vae->stream_type = hf_layers_stream_type(be, dtype);
    vae->operand_type = dtype; /* on the host too: what norms write is read by nothing else */
    if ((rc = hf_layers_new(&vae->layers, be, weights, dtype, err)) < 0 || (rc = load(vae, err)) < 0)
        goto end;
    *out = vae;
    vae = NULL;
end:
    hf_vae_close(&vae);
    return rc;
}

void hf_vae_close(hf_vae **vae)
{
    if (!vae || !*vae)
        return;
    hf_layers_free(&(*vae)->layers);
    free((*vae)->moments);
    free((*vae)->latents);
    free(*vae);
    *vae = NULL;
}

void hf_vae_watch(hf_vae *vae, const hf_pass_watch *watch)
{
    vae->watch = watch;
}

int hf_vae_stride(const hf_vae *vae)
{
    return 1 << (vae->config.n_blocks - 1);
}

int64_t hf_vae_bytes(const hf_vae *vae)
{
    return hf_layers_bytes(vae->layers);
}

/* x of [N,H,W,n_in] to [N,H,W,n_out]: in place where the channels are equal, else in new memory. */
static hf_tensor run_resnet(hf_pass *p, const hf_vae *vae, const resnet *r, const hf_tensor *x)
{
    int64_t N = x->shape[0], H = x->shape[1], W = x->shape[2];
    hf_group_norm_params norm = { .n_groups = vae->config.n_groups, .epsilon = EPSILON, .activation = HF_ACT_SILU };
    hf_tensor y = *x;

    if (r->n_in != r->n_out) {
        y = hf_pass_take(p, vae->stream_type, 4, N, H, W, r->n_out);
        hf_pass_conv(p, &y, x, &r->shortcut, NULL, HF_ACT_NONE);
    }
    size_t mark = hf_arena_mark(p->arena);
    hf_tensor normed = hf_pass_take(p, vae->operand_type, 4, N, H, W, r->n_in > r->n_out ? r->n_in : r->n_out);
    hf_tensor inner = hf_pass_take(p, vae->stream_type, 4, N, H, W, r->n_out);
    hf_tensor normed1 = hf_pass_view(&normed, 4, N, H, W, r->n_in);
    hf_tensor normed2 = hf_pass_view(&normed, 4, N, H, W, r->n_out);
    hf_pass_group_norm(p, &normed1, x, &r->norm1, &norm);
    hf_pass_conv(p, &inner, &normed1, &r->conv1, NULL, HF_ACT_NONE);
    hf_pass_group_norm(p, &normed2, &inner, &r->norm2, &norm);
    hf_pass_conv(p, &y, &normed2, &r->conv2, &y, HF_ACT_NONE);
    hf_arena_rewind(p->arena, mark);
    return y;
}

/* x + out(attention(q, k, v)), in place. */
static void run_attention(hf_pass *p, const hf_vae *vae, const hf_tensor *x)
{
    const mid_attention *a = &vae->attention;
    int64_t N = x->shape[0], L = x->shape[1] * x->shape[2], C = x->shape[3];
    hf_group_norm_params norm = { .n_groups = vae->config.n_groups, .epsilon = EPSILON };
    hf_attention_params heads = { .n_heads = 1 };
    size_t mark = hf_arena_mark(p->arena);
    hf_tensor rows = hf_pass_view(x, 3, N, L, C);
    hf_tensor normed = hf_pass_take(p, vae->operand_type, 3, N, L, C);
    hf_tensor q = hf_pass_take(p, vae->stream_type, 3, N, L, C);
    hf_tensor k = hf_pass_take(p, vae->stream_type, 3, N, L, C);
    hf_tensor v = hf_pass_take(p, vae->stream_type, 3, N, L, C);
    hf_tensor o = hf_pass_take(p, vae->stream_type, 3, N, L, C);

    hf_pass_group_norm(p, &normed, &rows, &a->norm, &norm);
    hf_pass_linear(p, &q, &normed, &a->q, NULL, HF_ACT_NONE);
    hf_pass_linear(p, &k, &normed, &a->k, NULL, HF_ACT_NONE);
    hf_pass_linear(p, &v, &normed, &a->v, NULL, HF_ACT_NONE);
    hf_pass_attention(p, &o, &q, &k, &v, &heads);
    hf_pass_linear(p, &rows, &o, &a->out, &rows, HF_ACT_NONE);
    hf_arena_rewind(p->arena, mark);
}

/* The input of block i to its output. The half-size output lies below the block's own memory, which is free
 * again on return. */
static hf_tensor run_block(hf_pass *p, const hf_vae *vae, int i, const hf_tensor *input)
{
    const hf_vae_config *c = &vae->config;
    int64_t N = input->shape[0], H = input->shape[1], W = input->shape[2];
    bool is_last = i == c->n_blocks - 1;
    hf_tensor x = *input, half = { .data = NULL };

    if (!is_last)
        half = hf_pass_take(p, vae->stream_type, 4, N, H / 2, W / 2, c->channels[i]);
    size_t mark = hf_arena_mark(p->arena);
    if (i == 0) {
        x = hf_pass_take(p, vae->stream_type, 4, N, H, W, c->channels[0]);
        hf_pass_conv(p, &x, input, &vae->conv_in, NULL, HF_ACT_NONE);
        hf_pass_show(p, &x, "encoder.conv_in");
    }
    for (int j = 0; j < c->layers_per_block; j++)
        x = run_resnet(p, vae, &vae->blocks[i].resnets[j], &x);
    if (is_last)
        return x;
    hf_pass_conv(p, &half, &x, &vae->blocks[i].downsample, NULL, HF_ACT_NONE);
    hf_arena_rewind(p->arena, mark);
    return half;
}

/* image to moments [N,h,w,2 latent channels], which the caller has taken. */
static void run_encoder(hf_pass *p, const hf_vae *vae, const hf_tensor *moments, const hf_tensor *image)
{
    hf_group_norm_params norm = { .n_groups = vae->config.n_groups, .epsilon = EPSILON, .activation = HF_ACT_SILU };
    hf_tensor x = *image;

    for (int i = 0; i < vae->config.n_blocks; i++) {
        x = run_block(p, vae, i, &x);
        hf_pass_show(p, &x, "encoder.down_blocks.%d", i);
    }
    x = run_resnet(p, vae, &vae->mid[0], &x);
    run_attention(p, vae, &x);
    x = run_resnet(p, vae, &vae->mid[1], &x);
    hf_pass_show(p, &x, "encoder.mid_block");
    hf_tensor normed = hf_pass_take(p, vae->operand_type, 4, x.shape[0], x.shape[1], x.shape[2], x.shape[3]);
    hf_tensor raw = hf_pass_take(p, vae->stream_type, 4, x.shape[0], x.shape[1], x.shape[2],
                                 2 * vae->config.latent_channels);
    hf_pass_group_norm(p, &normed, &x, &vae->norm_out, &norm);
    hf_pass_conv(p, &raw, &normed, &vae->conv_out, NULL, HF_ACT_NONE);
    hf_pass_conv(p, moments, &raw, &vae->quant_conv, NULL, HF_ACT_NONE);
    hf_pass_show(p, moments, "quant_conv");
}

static int check_size(const hf_vae *vae, int64_t N, int64_t H, int64_t W, hf_error *err)
{
    int stride = hf_vae_stride(vae);
    if (N < 1 || H < stride || W < stride || H % stride != 0 || W % stride != 0)
        return hf_fail(err, HF_EARG, "vae: %lld pictures of %lld x %lld pixels, want multiples of %d",
                       (long long)N, (long long)W, (long long)H, stride);
    return HF_OK;
}

static hf_tensor take_moments(hf_pass *p, const hf_vae *vae, const hf_tensor *image)
{
    int stride = hf_vae_stride(vae);
    return hf_pass_take(p, HF_F32, 4, image->shape[0], image->shape[1] / stride, image->shape[2] / stride,
                        2 * vae->config.latent_channels);
}

/* Host memory for sampling, kept for the largest plan. */
static int plan_host(hf_vae *vae, int64_t n_cells, hf_error *err)
{
    size_t n = (size_t)n_cells * (size_t)vae->config.latent_channels;
    float *moments = realloc(vae->moments, 2 * n * sizeof(float));
    if (moments)
        vae->moments = moments;
    float *latents = realloc(vae->latents, n * sizeof(float));
    if (latents)
        vae->latents = latents;
    if (!moments || !latents)
        return hf_fail(err, HF_ENOMEM, "vae: no memory for %zu latents", n);
    if (n_cells > vae->n_cells)
        vae->n_cells = n_cells;
    return HF_OK;
}

int hf_vae_plan(hf_vae *vae, hf_arena *arena, int64_t N, int64_t H, int64_t W, hf_error *err)
{
    hf_pass p = { .be = vae->be, .arena = arena, .err = err };
    hf_tensor image = hf_tensor_view(NULL, HF_F32, 4, N, H, W, 3);
    int64_t n_cells = N * (H / hf_vae_stride(vae)) * (W / hf_vae_stride(vae));
    int rc;

    if ((rc = check_size(vae, N, H, W, err)) < 0)
        return rc;
    if (n_cells > vae->n_cells && (rc = plan_host(vae, n_cells, err)) < 0)
        return rc;
    size_t mark = hf_arena_mark(arena);
    hf_tensor moments = take_moments(&p, vae, &image);
    run_encoder(&p, vae, &moments, &image);
    hf_arena_rewind(arena, mark);
    return p.rc;
}

/* latents = mean * scale, where they are. */
static void take_mean(hf_pass *p, const hf_vae *vae, const hf_tensor *latents, const hf_tensor *moments)
{
    hf_pass_copy_channels(p, latents, moments, 0, 0, vae->config.latent_channels);
    hf_pass_add(p, latents, latents, latents, vae->config.scale, 0);
}

/* One picture's draw: moments [cells,2C], out [cells,C]. */
static void draw(float *out, const float *moments, const hf_vae_config *c, int64_t n_cells, uint64_t seed,
                 uint64_t stream)
{
    int C = c->latent_channels;
    hf_noise_normal(out, 0, n_cells * C, seed, stream);
    for (int64_t cell = 0; cell < n_cells; cell++)
        for (int k = 0; k < C; k++) {
            float mean = moments[cell * 2 * C + k], logvar = moments[cell * 2 * C + C + k];
            float deviation = expf(0.5f * fminf(fmaxf(logvar, -30.0f), 20.0f));
            out[cell * C + k] = (mean + deviation * out[cell * C + k]) * c->scale;
        }
}

static int take_sample(hf_vae *vae, const hf_tensor *latents, const hf_tensor *moments, const hf_vae_sample *sample,
                       hf_error *err)
{
    hf_ops *ops = &vae->be->ops;
    int64_t N = latents->shape[0], n_cells = latents->shape[1] * latents->shape[2], C = latents->shape[3];
    int rc;

    if (N * n_cells > vae->n_cells)
        return hf_fail(err, HF_EARG, "vae: %lld cells to sample, planned for %lld", (long long)(N * n_cells),
                       (long long)vae->n_cells);
    if ((rc = ops->read(vae->be, vae->moments, moments, err)) < 0 || (rc = ops->sync(vae->be, err)) < 0)
        return rc;
    for (int64_t n = 0; n < N; n++)
        draw(vae->latents + n * n_cells * C, vae->moments + n * n_cells * 2 * C, &vae->config, n_cells, sample->seed,
             sample->stream + (sample->is_shared ? 0 : (uint64_t)n));
    if ((rc = ops->write(vae->be, latents, vae->latents, err)) < 0)
        return rc;
    return ops->sync(vae->be, err);
}

int hf_vae_encode(hf_vae *vae, hf_arena *arena, const hf_tensor *latents, const hf_tensor *image,
                  const hf_vae_sample *sample, hf_error *err)
{
    hf_pass p = { .be = vae->be, .arena = arena, .err = err, .watch = vae->watch };
    int rc;

    if ((rc = check_size(vae, image->shape[0], image->shape[1], image->shape[2], err)) < 0)
        return rc;
    size_t mark = hf_arena_mark(arena);
    hf_tensor moments = take_moments(&p, vae, image);
    run_encoder(&p, vae, &moments, image);
    if (!sample)
        take_mean(&p, vae, latents, &moments);
    else if (p.rc >= 0)
        p.rc = take_sample(vae, latents, &moments, sample, err);
    hf_arena_rewind(arena, mark);
    return p.rc;
}
