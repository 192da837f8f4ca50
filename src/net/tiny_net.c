/* tiny_net.c - see tiny_net.h. */
#include "src/net/tiny_net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/net/pass.h"

#define N_LEVELS 4
#define MAX_BLOCKS 4
#define EPSILON 1e-5f
/* What oneDNN keeps for the network's shapes, and scratch of the convolutions: 1.3 MB for 160 x 120 pixels, 3.4 for
 * 320 x 240, 5.2 for 854 x 480. */
#define LIBRARY_BYTES ((int64_t)3 << 20)

static const float pixel_mean = 0.45f, pixel_deviation = 0.25f;

typedef struct block {
    hf_norm norm;
    hf_conv conv1, conv2;
} block;

typedef struct level {
    int64_t   width; /* channels */
    hf_conv   down;  /* from the level before; the second stem for the first */
    int       n_blocks;
    block     blocks[MAX_BLOCKS];
    hf_norm   norm;
    hf_linear project;
    float     weight; /* in the sum */
} level;

struct hf_tiny_net {
    hf_backend *be;
    hf_layers  *layers;
    hf_dtype    stream_type; /* of activations */
    hf_arena   *scratch;
    int         width, height; /* prepared for */
    int64_t     D, stem_width;
    hf_conv     stem;
    level       levels[N_LEVELS];
};

/* ---- loading ---- */

static int64_t width_of(const hf_weights *w, const char *name, hf_error *err)
{
    int64_t shape[HF_ENTRY_MAX_DIMS];
    int n_dims;
    int rc = hf_weights_shape(w, name, &n_dims, shape, err);
    if (rc < 0)
        return rc;
    return n_dims == 4 ? shape[0] : hf_fail(err, HF_EMODEL, "tiny: array \"%s\" has %d dimensions, want 4", name, n_dims);
}

/* Dilations are not in the arrays' shapes: the second block of the two deep levels looks twice as far. */
static int dilation_of(int at_level, int at_block) { return at_level >= 2 && at_block == 1 ? 2 : 1; }

static void load_block(hf_layers *l, block *b, int64_t width, int at_level, int at_block)
{
    hf_layers_norm(l, &b->norm, width, "blocks.%d.%d.norm", at_level, at_block);
    hf_layers_conv(l, &b->conv1, width, width, 3, 1, true, "blocks.%d.%d.conv1", at_level, at_block);
    hf_layers_conv(l, &b->conv2, width, width, 3, 1, true, "blocks.%d.%d.conv2", at_level, at_block);
    int d = dilation_of(at_level, at_block);
    hf_conv2d_params *p = &b->conv1.params;
    p->dilation = p->pad_top = p->pad_left = p->pad_bottom = p->pad_right = d;
}

static int count_blocks(const hf_weights *w, int at_level)
{
    char name[64];
    int n = 0;
    do
        snprintf(name, sizeof(name), "blocks.%d.%d.conv1.weight", at_level, n);
    while (n < MAX_BLOCKS && hf_weights_has(w, name) && ++n);
    return n;
}

static int load_level(hf_tiny_net *net, const hf_weights *w, int i, int64_t before, hf_error *err)
{
    level *v = &net->levels[i];
    char name[64];
    snprintf(name, sizeof(name), i ? "down.%d" : "stem2", i - 1);
    char weight[80];
    snprintf(weight, sizeof(weight), "%s.weight", name);
    if ((v->width = width_of(w, weight, err)) < 0)
        return (int)v->width;
    hf_layers_conv(net->layers, &v->down, v->width, before, 3, 2, true, "%s", name);
    v->n_blocks = count_blocks(w, i);
    for (int b = 0; b < v->n_blocks; b++)
        load_block(net->layers, &v->blocks[b], v->width, i, b);
    hf_layers_norm(net->layers, &v->norm, v->width, "norms.%d", i);
    hf_layers_linear(net->layers, &v->project, net->D, v->width, false, "project.%d", i);
    return HF_OK;
}

static int load_mixing(hf_tiny_net *net, const hf_weights *w, hf_error *err)
{
    float mixing[N_LEVELS], sum = 0;
    hf_tensor t = hf_tensor_view(mixing, HF_F32, 1, N_LEVELS);
    int rc = hf_weights_read(w, &t, "mixing", err);
    if (rc < 0)
        return rc;
    for (int i = 0; i < N_LEVELS; i++)
        sum += expf(mixing[i]);
    for (int i = 0; i < N_LEVELS; i++)
        net->levels[i].weight = expf(mixing[i]) / sum;
    return HF_OK;
}

static int load(hf_tiny_net *net, const hf_weights *w, hf_dtype dtype, hf_error *err)
{
    int rc = hf_layers_new(&net->layers, net->be, w, dtype, err);
    if (rc < 0 || (rc = load_mixing(net, w, err)) < 0)
        return rc;
    if ((net->D = width_of(w, "project.0.weight", err)) < 0 || (net->stem_width = width_of(w, "stem1.weight", err)) < 0)
        return HF_EMODEL;
    hf_layers_conv(net->layers, &net->stem, net->stem_width, 3, 3, 2, true, "stem1");
    for (int i = 0; i < N_LEVELS; i++)
        if ((rc = load_level(net, w, i, i ? net->levels[i - 1].width : net->stem_width, err)) < 0)
            return rc;
    return hf_layers_status(net->layers, err);
}

int hf_tiny_net_open(hf_tiny_net **out, hf_backend *be, const hf_weights *weights, hf_dtype dtype, hf_error *err)
{
    hf_tiny_net *net = calloc(1, sizeof(*net));
    int rc;

    *out = NULL;
    if (!net)
        return hf_fail(err, HF_ENOMEM, "tiny: out of memory");
    net->be = be;
    net->stream_type = hf_layers_stream_type(be, dtype);
    if ((rc = load(net, weights, dtype, err)) < 0) {
        hf_tiny_net_close(&net);
        return rc;
    }
    *out = net;
    return HF_OK;
}

void hf_tiny_net_close(hf_tiny_net **net)
{
    if (!net || !*net)
        return;
    hf_arena_free(&(*net)->scratch);
    hf_layers_free(&(*net)->layers);
    free(*net);
    *net = NULL;
}

int hf_tiny_net_channels(const hf_tiny_net *net) { return (int)net->D; }

/* ---- running ---- */

static hf_tensor take_like(hf_pass *p, const hf_tensor *x) { return hf_pass_take_like(p, x, x->shape[3]); }

/* x += conv2(relu(conv1(norm(x)))) */
static void run_block(hf_pass *p, const hf_tensor *x, const block *b)
{
    size_t mark = hf_arena_mark(p->arena);
    hf_tensor a = take_like(p, x), c = take_like(p, x);
    hf_pass_layer_norm(p, &a, x, &b->norm, EPSILON);
    hf_pass_conv(p, &c, &a, &b->conv1, NULL, HF_ACT_RELU);
    hf_pass_conv(p, x, &c, &b->conv2, x, HF_ACT_NONE);
    hf_arena_rewind(p->arena, mark);
}

static bool computes(const hf_pass *p) { return p->rc >= 0 && !hf_pass_plans(p); }

/* Means of 2 x 2 cells, fewer at an odd border. */
static void halve(hf_pass *p, const hf_tensor *out, const hf_tensor *x)
{
    hf_pool_params mean = { .kind = HF_POOL_MEAN, .kernel_h = 2, .kernel_w = 2, .stride = 2,
                            .pad_bottom = (int)(x->shape[1] & 1), .pad_right = (int)(x->shape[2] & 1) };
    if (computes(p))
        p->rc = p->be->ops.pool(p->be, out, x, &mean, p->err);
}

/* By a whole factor, also where the sizes do not divide: the last cells are then left out. */
static void enlarge(hf_pass *p, const hf_tensor *out, const hf_tensor *x, int factor)
{
    hf_resize_params bilinear = { .kind = HF_RESIZE_BILINEAR, .scale_y = 1.0 / factor, .scale_x = 1.0 / factor };
    if (computes(p))
        p->rc = p->be->ops.resize(p->be, out, x, &bilinear, p->err);
}

/* out += weight * the level's projection at stride 8, or = for the first. */
static void add_level(hf_pass *p, const hf_tensor *out, const hf_tensor *x, const level *v, int i)
{
    size_t mark = hf_arena_mark(p->arena);
    hf_tensor n = take_like(p, x), small = n;
    hf_pass_layer_norm(p, &n, x, &v->norm, EPSILON);
    if (i == 0) {
        small = hf_pass_take(p, x->dtype, 4, 1, out->shape[1], out->shape[2], x->shape[3]);
        halve(p, &small, &n);
    }
    hf_tensor y = hf_pass_take_like(p, &small, out->shape[3]), at8 = y;
    hf_pass_linear(p, &y, &small, &v->project, NULL, HF_ACT_NONE);
    if (i > 1) {
        at8 = take_like(p, out);
        enlarge(p, &at8, &y, 1 << (i - 1));
    }
    hf_pass_add(p, out, i ? out : &at8, &at8, i ? 1 : 0, v->weight);
    hf_arena_rewind(p->arena, mark);
}

static int64_t half(int64_t n) { return (n + 1) / 2; }

static hf_tensor run_stem(hf_pass *p, const hf_tiny_net *net, const hf_tensor *rgb, int64_t H, int64_t W)
{
    hf_tensor picture = hf_pass_take(p, HF_F32, 4, 1, H, W, 3), image = hf_pass_view(&picture, 3, H, W, 3);
    hf_rgb_to_image_params params = { .resize.kind = HF_RESIZE_BILINEAR };
    for (int c = 0; c < 3; c++)
        params.mean[c] = pixel_mean, params.deviation[c] = pixel_deviation;
    if (computes(p))
        p->rc = p->be->ops.rgb_to_image(p->be, &image, rgb, &params, p->err);
    hf_tensor x = hf_pass_take(p, net->stream_type, 4, 1, half(H), half(W), net->stem_width);
    hf_pass_conv(p, &x, &picture, &net->stem, NULL, HF_ACT_RELU);
    return x;
}

static void run_levels(hf_pass *p, const hf_tiny_net *net, const hf_tensor *out, hf_tensor x)
{
    for (int i = 0; i < N_LEVELS; i++) {
        const level *v = &net->levels[i];
        if (i > 0) /* the stem's is fused */
            hf_pass_activate(p, &x, HF_ACT_RELU);
        hf_tensor y = hf_pass_take(p, x.dtype, 4, 1, half(x.shape[1]), half(x.shape[2]), v->width);
        hf_pass_conv(p, &y, &x, &v->down, NULL, HF_ACT_NONE);
        x = y;
        for (int b = 0; b < v->n_blocks; b++)
            run_block(p, &x, &v->blocks[b]);
        add_level(p, out, &x, v, i);
    }
}

static int64_t cells_of(int pixels) { return (pixels + HF_TINY_STRIDE - 1) / HF_TINY_STRIDE; }

/* With an arena that is not sealed yet nothing is computed, and out and rgb may be NULL. */
static int run(const hf_tiny_net *net, hf_arena *arena, const hf_tensor *out, const hf_tensor *rgb, int width, int height,
               hf_error *err)
{
    hf_pass p = { .be = net->be, .arena = arena, .err = err };
    hf_tensor batch = hf_tensor_view(out ? out->data : NULL, HF_F32, 4, 1, cells_of(height), cells_of(width), net->D);
    hf_arena_reset(arena);
    run_levels(&p, net, &batch, run_stem(&p, net, rgb, height, width));
    return p.rc;
}

int hf_tiny_net_prepare(hf_tiny_net *net, int width, int height, hf_error *err)
{
    int rc;
    hf_arena_free(&net->scratch);
    net->width = width, net->height = height;
    if ((rc = hf_arena_new(&net->scratch, net->be, "tiny", err)) < 0 ||
        (rc = run(net, net->scratch, NULL, NULL, width, height, err)) < 0)
        return rc;
    return hf_arena_seal(net->scratch, 0, err);
}

int64_t hf_tiny_net_bytes(const hf_tiny_net *net, int width, int height)
{
    hf_arena *arena;
    int64_t bytes = hf_layers_bytes(net->layers) + LIBRARY_BYTES;
    if (hf_arena_new(&arena, net->be, "tiny", NULL) < 0)
        return bytes;
    run(net, arena, NULL, NULL, width, height, NULL);
    bytes += (int64_t)hf_arena_peak(arena);
    hf_arena_free(&arena);
    return bytes;
}

int hf_tiny_net_run(hf_tiny_net *net, const hf_tensor *out, const hf_tensor *rgb, hf_error *err)
{
    return run(net, net->scratch, out, rgb, net->width, net->height, err);
}
