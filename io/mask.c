/* mask.c - masks in memory, their sizes and their files; reading is in mask_read.c. */
#include "io/mask.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/png.h"

#define SAME_ASPECT 0.01 /* 854 x 480 and 1920 x 1080 differ by 0.0008 */

void hf_mask_davis_palette(uint8_t palette[256][3])
{
    /* Bits 0, 1, 2 of the index are the top bits of red, green, blue; bits 3, 4, 5 the next, ... */
    memset(palette, 0, 256 * 3);
    for (int i = 0; i < 256; i++)
        for (int bit = 0; bit < 8; bit++)
            palette[i][bit % 3] |= (uint8_t)((i >> bit & 1) << (7 - bit / 3));
}

int hf_mask_new(hf_mask **out, int width, int height, hf_error *err)
{
    *out = NULL;
    if (width < 1 || height < 1)
        return hf_fail(err, HF_EARG, "mask: size is %dx%d, want at least 1x1", width, height);
    hf_mask *mask = calloc(1, sizeof(*mask));
    if (mask)
        mask->ids = calloc((size_t)width, (size_t)height);
    if (!mask || !mask->ids) {
        free(mask);
        return hf_fail(err, HF_ENOMEM, "mask: out of memory for %dx%d pixels", width, height);
    }
    mask->width = width;
    mask->height = height;
    hf_mask_davis_palette(mask->palette);
    *out = mask;
    return HF_OK;
}

void hf_mask_free(hf_mask **mask)
{
    if (!*mask)
        return;
    free((*mask)->ids);
    free(*mask);
    *mask = NULL;
}

static int find_word(const char *const *words, int n, const char *word)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(words[i], word))
            return i;
    return -1;
}

int hf_mask_mode_parse(hf_mask_mode *mode, const char *word, hf_error *err)
{
    static const char *const words[] = { "auto", "palette", "index", "rgb", "alpha", "gray", "davis", "single" };
    int i = find_word(words, 8, word);
    if (i < 0)
        return hf_fail(err, HF_EARG,
                       "--mask-colors is %s, want auto, palette, index, rgb, alpha, gray, davis or single", word);
    *mode = (hf_mask_mode)i;
    return HF_OK;
}

int hf_fit_parse(hf_fit *fit, const char *word, hf_error *err)
{
    static const char *const words[] = { "strict", "scale", "crop" };
    int i = find_word(words, 3, word);
    if (i < 0)
        return hf_fail(err, HF_EARG, "--mask-fit is %s, want strict, scale or crop", word);
    *fit = (hf_fit)i;
    return HF_OK;
}

/* Source position of each of n target positions; `step` source pixels a target pixel, about the centre. */
static void map_axis(int *to, int n, int n_source, double step)
{
    for (int i = 0; i < n; i++) {
        int v = (int)floor((i + 0.5 - n / 2.0) * step + n_source / 2.0);
        to[i] = v < 0 ? 0 : v >= n_source ? n_source - 1 : v;
    }
}

/* Drawn on a frame before it was turned for display. */
static int is_turned(int width, int height, int W, int H)
{
    return fabs((double)width / H / ((double)height / W) - 1) <= SAME_ASPECT;
}

int hf_fit_map(int *xs, int *ys, int W, int H, int width, int height, hf_fit fit,
               const char *name, char *warning, size_t size, hf_error *err)
{
    double step_x = (double)width / W, step_y = (double)height / H;
    int same_aspect = fabs(step_x / step_y - 1) <= SAME_ASPECT;
    if (size)
        warning[0] = 0;
    if (fit == HF_FIT_STRICT && !same_aspect && is_turned(width, height, W, H))
        return hf_fail(err, HF_EARG, "%s: is %dx%d, but the frame is shown as %dx%d: it is lying on its side; the video may be "
                       "turned for display, as phones do, so draw on a frame as a player shows it, or turn the drawing by "
                       "90 degrees", name, width, height, W, H);
    if (fit == HF_FIT_STRICT && !same_aspect)
        return hf_fail(err, HF_EARG, "%s: is %dx%d, but the frame is %dx%d and has another shape; draw it in "
                       "the frame's size, or use --mask-fit scale (stretch it) or crop (cover and cut)",
                       name, width, height, W, H);
    if (fit == HF_FIT_CROP)
        step_x = step_y = fmin(step_x, step_y);
    map_axis(xs, W, width, step_x);
    map_axis(ys, H, height, step_y);
    if (size && (width != W || height != H))
        snprintf(warning, size, "%s: is %dx%d, the frame is %dx%d: %s", name, width, height, W, H,
                 fit == HF_FIT_CROP ? "scaled to cover it and cut" :
                 same_aspect ? "scaled" : "stretched");
    return HF_OK;
}

/* 1 if any pixel is an object. */
static int fill_fitted(uint8_t *to, const int *xs, const int *ys, int W, int H, const hf_mask *mask)
{
    int any = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            uint8_t id = mask->ids[(size_t)ys[y] * (size_t)mask->width + (size_t)xs[x]];
            to[(size_t)y * (size_t)W + (size_t)x] = id;
            any |= id;
        }
    return any != 0;
}

int hf_mask_fit(hf_mask *mask, int W, int H, hf_fit fit, const char *name,
                char *warning, size_t size, hf_error *err)
{
    int *xs = NULL, *ys = NULL, rc;
    uint8_t *ids = NULL;

    if (W < 1 || H < 1)
        return hf_fail(err, HF_EARG, "%s: frame size is %dx%d, want at least 1x1", name, W, H);
    if (!warning)
        size = 0;
    xs = malloc(sizeof(*xs) * (size_t)W);
    ys = malloc(sizeof(*ys) * (size_t)H);
    ids = malloc((size_t)W * (size_t)H);
    if (!xs || !ys || !ids) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for %dx%d pixels", name, W, H);
        goto end;
    }
    if ((rc = hf_fit_map(xs, ys, W, H, mask->width, mask->height, fit, name, warning, size, err)) < 0 ||
        (mask->width == W && mask->height == H))
        goto end;
    if (!fill_fitted(ids, xs, ys, W, H, mask)) {
        rc = hf_fail(err, HF_EARG, "%s: no object is left when it is brought from %dx%d to %dx%d", name,
                     mask->width, mask->height, W, H);
        goto end;
    }
    uint8_t *old = mask->ids;
    mask->ids = ids;
    ids = old;
    mask->width = W;
    mask->height = H;
end:
    free(xs);
    free(ys);
    free(ids);
    return rc;
}

int hf_mask_write(const char *path, const hf_mask *mask, hf_error *err)
{
    hf_png png = { .width = mask->width, .height = mask->height, .kind = HF_PNG_PALETTE, .bits = 8,
                   .pixels = mask->ids, .n_palette = mask->n_palette };
    size_t n = (size_t)mask->width * (size_t)mask->height;
    /* A file's own palette stays as long as it was, unless an id lies beyond it. */
    for (size_t i = 0; i < n && png.n_palette > 0; i++)
        if (mask->ids[i] >= png.n_palette)
            png.n_palette = mask->ids[i] + 1;
    if (png.n_palette == 0)
        png.n_palette = 256;
    memcpy(png.palette, mask->palette, sizeof(png.palette));
    return hf_png_write(path, &png, err);
}

int hf_matte_write(const char *path, const void *alpha, int width, int height, int bits, hf_error *err)
{
    hf_png png = { .width = width, .height = height, .kind = HF_PNG_GRAY, .bits = bits,
                   .pixels = (void *)alpha };
    return hf_png_write(path, &png, err);
}
