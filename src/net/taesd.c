/* taesd.c - see taesd.h. */
#include "src/net/taesd.h"

#include <stdio.h>
#include <stdlib.h>

#include "src/net/pass.h"

#define MAX_LAYERS 64 /* of the list that the names count */
#define MAX_NAME 96

typedef enum layer_kind {
    LAYER_CONV, /* the first and the last: with a bias */
    LAYER_HALF, /* 3x3 of stride 2, no bias */
    LAYER_BLOCK
} layer_kind;

typedef struct layer {
    layer_kind kind;
    int        n_in, n_out;
    hf_conv    conv[3]; /* one but for a block */
    hf_conv    skip;    /* of a block whose channels change; 1x1, no bias */
} layer;

struct hf_taesd {
    hf_backend *be;
    hf_dtype    stream_type;
    hf_layers  *layers;
    int         n_layers, n_halved;
    layer       list[MAX_LAYERS];
    hf_tensor   half; /* f32 [3] of 0.5: the step from -1..1 to 0..1 */
};

static const char *const prefixes[] = { "encoder.layers.", "", "encoder.", "taesd_encoder.", "taesd_encoder.layers." };

/* The prefix under which a file keeps the list, or NULL. */
static const char *find_prefix(const hf_weights *weights)
{
    char name[MAX_NAME];
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        snprintf(name, sizeof(name), "%s1.conv.0.weight", prefixes[i]);
        if (hf_weights_has(weights, name))
            return prefixes[i];
    }
    return NULL;
}

/* Channels of a convolution, out and in; 0 if there is none of that name. */
static int conv_channels(int *n_in, const hf_weights *weights, const char *name)
{
    int64_t shape[HF_ENTRY_MAX_DIMS] = { 0 };
    int n_dims;
    if (!hf_weights_has(weights, name) || hf_weights_shape(weights, name, &n_dims, shape, NULL) < 0 || n_dims != 4)
        return 0;
    *n_in = (int)shape[1];
    return (int)shape[0];
}

/* What number i of the list is; false behind its end. */
static bool see_layer(layer *y, const hf_weights *weights, const char *prefix, int i)
{
    char name[MAX_NAME];
    snprintf(name, sizeof(name), "%s%d.conv.0.weight", prefix, i);
    if ((y->n_out = conv_channels(&y->n_in, weights, name)) > 0) {
        y->kind = LAYER_BLOCK;
        return true;
    }
    snprintf(name, sizeof(name), "%s%d.weight", prefix, i);
    if ((y->n_out = conv_channels(&y->n_in, weights, name)) == 0)
        return false;
    snprintf(name, sizeof(name), "%s%d.bias", prefix, i);
    y->kind = hf_weights_has(weights, name) ? LAYER_CONV : LAYER_HALF;
    return true;
}

static void load_layer(hf_layers *l, layer *y, const char *prefix, int i)
{
    if (y->kind != LAYER_BLOCK) {
        hf_layers_conv(l, &y->conv[0], y->n_out, y->n_in, 3, y->kind == LAYER_HALF ? 2 : 1, y->kind == LAYER_CONV,
                       "%s%d", prefix, i);
        return;
    }
    for (int k = 0; k < 3; k++)
        hf_layers_conv(l, &y->conv[k], y->n_out, k ? y->n_out : y->n_in, 3, 1, true, "%s%d.conv.%d", prefix, i, 2 * k);
    if (y->n_in != y->n_out)
        hf_layers_conv(l, &y->skip, y->n_out, y->n_in, 1, 1, false, "%s%d.skip", prefix, i);
}

static int load(hf_taesd *t, const hf_weights *weights, hf_error *err)
{
    const char *prefix = find_prefix(weights), *path = hf_tensor_file_path(hf_weights_file(weights));
    int n_out = 3;

    if (!prefix)
        return hf_fail(err, HF_EMODEL, "%s: no encoder.layers.1.conv.0.weight and no 1.conv.0.weight: "
                       "want the TAESD encoder", path);
    while (t->n_layers < MAX_LAYERS && see_layer(&t->list[t->n_layers], weights, prefix, t->n_layers)) {
        layer *y = &t->list[t->n_layers];
        if (y->n_in != n_out)
            return hf_fail(err, HF_EMODEL, "%s: %s%d: reads %d channels, the layer before it gives %d", path, prefix,
                           t->n_layers, y->n_in, n_out);
        load_layer(t->layers, y, prefix, t->n_layers++);
        n_out = y->n_out;
        t->n_halved += y->kind == LAYER_HALF;
    }
    if (t->n_layers < 3 || t->list[0].kind != LAYER_CONV || t->list[t->n_layers - 1].kind != LAYER_CONV)
        return hf_fail(err, HF_EMODEL, "%s: %d layers of %s, want a convolution with a bias first and last", path,
                       t->n_layers, prefix);
    return hf_layers_status(t->layers, err);
}

/* The vector of halves, in the backend's memory. */
static int make_half(hf_taesd *t, hf_error *err)
{
    static const float host[3] = { 0.5f, 0.5f, 0.5f };
    t->half = hf_tensor_view(t->be->ops.alloc(t->be, sizeof(host)), HF_F32, 1, 3);
    if (!t->half.data)
        return hf_fail(err, HF_ENOMEM, "taesd: out of memory");
    int rc = t->be->ops.write(t->be, &t->half, host, err);
    return rc < 0 ? rc : t->be->ops.sync(t->be, err);
}

int hf_taesd_open(hf_taesd **out, hf_backend *be, const hf_weights *weights, hf_dtype dtype, hf_error *err)
{
    hf_taesd *t = calloc(1, sizeof(*t));
    int rc;

    *out = NULL;
    if (!t)
        return hf_fail(err, HF_ENOMEM, "taesd: out of memory");
    t->be = be;
    /* No norms stand between the convolutions: maps are read in the type that they are multiplied in. */
    t->stream_type = dtype;
    if ((rc = hf_layers_new(&t->layers, be, weights, dtype, err)) < 0 || (rc = make_half(t, err)) < 0 ||
        (rc = load(t, weights, err)) < 0)
        goto end;
    *out = t;
    t = NULL;
end:
    hf_taesd_close(&t);
    return rc;
}

void hf_taesd_close(hf_taesd **taesd)
{
    hf_taesd *t;
    if (!taesd || !(t = *taesd))
        return;
    t->be->ops.free(t->be, t->half.data);
    hf_layers_free(&t->layers);
    free(t);
    *taesd = NULL;
}

int hf_taesd_stride(const hf_taesd *taesd) { return 1 << taesd->n_halved; }

int hf_taesd_latent_channels(const hf_taesd *taesd) { return taesd->list[taesd->n_layers - 1].n_out; }

int64_t hf_taesd_bytes(const hf_taesd *taesd) { return hf_layers_bytes(taesd->layers); }

/* relu(conv(relu(conv(relu(conv(x))))) + x), in place where the channels are equal. */
static hf_tensor run_block(hf_pass *p, const hf_taesd *t, const layer *y, const hf_tensor *x)
{
    int64_t N = x->shape[0], H = x->shape[1], W = x->shape[2];
    hf_tensor out = *x;
    if (y->n_in != y->n_out) {
        out = hf_pass_take(p, t->stream_type, 4, N, H, W, y->n_out);
        hf_pass_conv(p, &out, x, &y->skip, NULL, HF_ACT_NONE);
    }
    size_t mark = hf_arena_mark(p->arena);
    hf_tensor a = hf_pass_take(p, t->stream_type, 4, N, H, W, y->n_out);
    hf_tensor b = hf_pass_take(p, t->stream_type, 4, N, H, W, y->n_out);
    hf_pass_conv(p, &a, x, &y->conv[0], NULL, HF_ACT_RELU);
    hf_pass_conv(p, &b, &a, &y->conv[1], NULL, HF_ACT_RELU);
    hf_pass_conv(p, &out, &b, &y->conv[2], &out, HF_ACT_RELU);
    hf_arena_rewind(p->arena, mark);
    return out;
}

/* The list; the last layer writes latents. */
static void run_list(hf_pass *p, const hf_taesd *t, const hf_tensor *latents, const hf_tensor *image)
{
    hf_tensor x = hf_pass_take(p, HF_F32, 4, image->shape[0], image->shape[1], image->shape[2], 3);
    hf_pass_add(p, &x, image, &t->half, 0.5f, 1);
    for (int i = 0; i < t->n_layers - 1; i++) {
        const layer *y = &t->list[i];
        if (y->kind == LAYER_BLOCK) {
            x = run_block(p, t, y, &x);
            continue;
        }
        int s = y->kind == LAYER_HALF ? 2 : 1;
        hf_tensor next = hf_pass_take(p, t->stream_type, 4, x.shape[0], x.shape[1] / s, x.shape[2] / s, y->n_out);
        hf_pass_conv(p, &next, &x, &y->conv[0], NULL, HF_ACT_NONE);
        x = next;
    }
    hf_pass_conv(p, latents, &x, &t->list[t->n_layers - 1].conv[0], NULL, HF_ACT_NONE);
}

static int check_size(const hf_taesd *t, int64_t N, int64_t H, int64_t W, hf_error *err)
{
    int stride = hf_taesd_stride(t);
    if (N < 1 || H < stride || W < stride || H % stride != 0 || W % stride != 0)
        return hf_fail(err, HF_EARG, "taesd: %lld pictures of %lld x %lld pixels, want multiples of %d",
                       (long long)N, (long long)W, (long long)H, stride);
    return HF_OK;
}

int hf_taesd_plan(hf_taesd *taesd, hf_arena *arena, int64_t N, int64_t H, int64_t W, hf_error *err)
{
    hf_tensor none = { .data = NULL }, image = hf_tensor_view(NULL, HF_F32, 4, N, H, W, 3);
    int rc = check_size(taesd, N, H, W, err);
    return rc < 0 ? rc : hf_taesd_encode(taesd, arena, &none, &image, err);
}

int hf_taesd_encode(hf_taesd *taesd, hf_arena *arena, const hf_tensor *latents, const hf_tensor *image, hf_error *err)
{
    hf_pass p = { .be = taesd->be, .arena = arena, .err = err };
    if ((p.rc = check_size(taesd, image->shape[0], image->shape[1], image->shape[2], err)) < 0)
        return p.rc;
    size_t mark = hf_arena_mark(arena);
    run_list(&p, taesd, latents, image);
    hf_arena_rewind(arena, mark);
    return p.rc;
}
