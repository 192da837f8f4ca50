/* edit.c - see edit.h.
 *
 * Taking the overlay from a painted frame: difference per pixel, largest channel. A pixel is
 * painted if its difference is over the threshold, or over half of it and linked to such a
 * pixel (edges of strokes are weak). Groups too small are noise; enclosed holes
 * too small were painted in the colour that was there already. A painted frame that went
 * through a lossy format differs everywhere: the threshold rises with the noise found.
 */
#include "io/edit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/png.h"

#define LEAST_THRESHOLD 8    /* an edit fainter than this is not seen either */
#define NOISE_FACTOR 6       /* JPEG noise is heavy-tailed: six medians hold back all but specks */
#define MOST_AUTO_THRESHOLD 48

enum { NOT_PAINTED, WEAK, STRONG, SEEN };

void hf_edit_free(hf_edit **edit)
{
    if (!*edit)
        return;
    free((*edit)->rgba);
    free(*edit);
    *edit = NULL;
}

static int64_t count_covered(const uint8_t *rgba, size_t n)
{
    int64_t covered = 0;
    for (size_t i = 0; i < n; i++)
        covered += rgba[4 * i + 3] > 0;
    return covered;
}

static void describe(hf_edit *edit)
{
    size_t n = (size_t)edit->width * (size_t)edit->height;
    if (edit->is_painted)
        snprintf(edit->text, sizeof(edit->text), "%s: painted frame %dx%d", edit->name, edit->width,
                 edit->height);
    else
        snprintf(edit->text, sizeof(edit->text), "%s: overlay %dx%d, covers %lld px (%.1f %%)", edit->name,
                 edit->width, edit->height, (long long)edit->covered_px,
                 100.0 * (double)edit->covered_px / (double)n);
}

int hf_edit_read(hf_edit **out, const char *path, hf_error *err)
{
    hf_png *png = NULL;
    hf_edit *edit = NULL;
    size_t n;
    int rc;

    *out = NULL;
    if ((rc = hf_png_read(&png, path, err)) < 0)
        goto end;
    n = (size_t)png->width * (size_t)png->height;
    if (!(edit = calloc(1, sizeof(*edit))) || !(edit->rgba = malloc(4 * n))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for %dx%d pixels", path, png->width, png->height);
        goto end;
    }
    edit->width = png->width;
    edit->height = png->height;
    snprintf(edit->name, sizeof(edit->name), "%s", path);
    hf_png_to_rgba(edit->rgba, png);
    edit->covered_px = count_covered(edit->rgba, n);
    if (edit->covered_px == 0) {
        rc = hf_fail(err, HF_EFORMAT, "%s: every pixel is transparent, want something painted", path);
        goto end;
    }
    edit->is_painted = 1;
    for (size_t i = 0; i < n && edit->is_painted; i++)
        edit->is_painted = edit->rgba[4 * i + 3] == 255;
    describe(edit);
    *out = edit;
    edit = NULL;
end:
    hf_png_free(&png);
    hf_edit_free(&edit);
    return rc;
}

/* ---- an overlay of another size ---- */

/* Straight colours are weighted by alpha, or the colour under transparent pixels would bleed in. */
static void sample_bilinear(uint8_t *to, const hf_edit *edit, double x, double y)
{
    double x0 = floor(x), y0 = floor(y), sum[4] = { 0 };
    for (int k = 0; k < 4; k++) {
        int u = (int)x0 + (k & 1), v = (int)y0 + (k >> 1);
        double w = (k & 1 ? x - x0 : 1 - x + x0) * (k >> 1 ? y - y0 : 1 - y + y0);
        u = u < 0 ? 0 : u >= edit->width ? edit->width - 1 : u;
        v = v < 0 ? 0 : v >= edit->height ? edit->height - 1 : v;
        const uint8_t *p = edit->rgba + 4 * ((size_t)v * (size_t)edit->width + (size_t)u);
        w *= p[3];
        for (int c = 0; c < 3; c++)
            sum[c] += w * p[c];
        sum[3] += w;
    }
    to[3] = (uint8_t)(sum[3] + 0.5);
    for (int c = 0; c < 3; c++)
        to[c] = to[3] ? (uint8_t)(sum[c] / sum[3] + 0.5) : 0;
}

/* Same geometry as hf_fit_map, between the pixels too. */
static void scale_overlay(uint8_t *to, const hf_edit *edit, int W, int H, hf_fit fit)
{
    double step_x = (double)edit->width / W, step_y = (double)edit->height / H;
    if (fit == HF_FIT_CROP)
        step_x = step_y = fmin(step_x, step_y);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            sample_bilinear(to + 4 * ((size_t)y * (size_t)W + (size_t)x), edit,
                            (x + 0.5 - W / 2.0) * step_x + edit->width / 2.0 - 0.5,
                            (y + 0.5 - H / 2.0) * step_y + edit->height / 2.0 - 0.5);
}

static int fit_overlay(hf_edit *edit, int W, int H, hf_fit fit, hf_error *err)
{
    int *xs = malloc(sizeof(*xs) * (size_t)W), *ys = malloc(sizeof(*ys) * (size_t)H);
    uint8_t *rgba = malloc(4 * (size_t)W * (size_t)H);
    int rc = HF_OK;

    if (!xs || !ys || !rgba)
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for %dx%d pixels", edit->name, W, H);
    else /* only for its rules and its texts */
        rc = hf_fit_map(xs, ys, W, H, edit->width, edit->height, fit, edit->name, edit->warning,
                        sizeof(edit->warning), err);
    if (rc == HF_OK) {
        scale_overlay(rgba, edit, W, H, fit);
        edit->covered_px = count_covered(rgba, (size_t)W * (size_t)H);
        if (edit->covered_px == 0)
            rc = hf_fail(err, HF_EARG, "%s: nothing of it is left when it is brought from %dx%d to %dx%d",
                         edit->name, edit->width, edit->height, W, H);
    }
    if (rc == HF_OK) {
        uint8_t *old = edit->rgba;
        edit->rgba = rgba;
        rgba = old;
        edit->width = W;
        edit->height = H;
    }
    free(xs);
    free(ys);
    free(rgba);
    return rc;
}

/* ---- a painted frame ---- */

static void measure_difference(uint8_t *difference, const uint8_t *painted, const uint8_t *frame, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int worst = 0;
        for (int c = 0; c < 3; c++) {
            int d = abs(painted[4 * i + c] - frame[3 * i + c]);
            worst = d > worst ? d : worst;
        }
        difference[i] = (uint8_t)worst;
    }
}

/* The median is noise as long as less than half of the frame is painted. */
static int auto_threshold(const uint8_t *difference, size_t n)
{
    size_t histogram[256] = { 0 }, below = 0;
    int median = 0;
    for (size_t i = 0; i < n; i++)
        histogram[difference[i]]++;
    while ((below += histogram[median]) <= n / 2 && median < 255)
        median++;
    int t = LEAST_THRESHOLD + NOISE_FACTOR * median;
    return t > MOST_AUTO_THRESHOLD ? MOST_AUTO_THRESHOLD : t;
}

typedef struct area {
    uint8_t *state; /* [H,W] NOT_PAINTED, WEAK, STRONG, SEEN */
    int32_t *stack; /* [H,W] pixels of the group being walked; each enters once */
    int      W, H;
} area;

/*
 * Walk the group of pixels joined to `start` whose state is one of the two, mark it SEEN and
 * return its size. The group is left in stack[0..size). Painted groups join over corners,
 * holes do not, so that a thin diagonal line encloses its inside. *has_strong and *at_border tell of the group.
 */
static int32_t walk(area *a, int32_t start, int state_a, int state_b, int corners,
                    int *has_strong, int *at_border)
{
    int32_t n = 0, done = 0;
    *has_strong = a->state[start] == STRONG;
    *at_border = 0;
    a->stack[n++] = start;
    a->state[start] = SEEN;
    for (; done < n; done++) {
        int x = a->stack[done] % a->W, y = a->stack[done] / a->W;
        for (int k = 0; k < 9; k++) {
            int dx = k % 3 - 1, dy = k / 3 - 1, u = x + dx, v = y + dy;
            if (!corners && dx && dy)
                continue;
            if (u < 0 || v < 0 || u >= a->W || v >= a->H) {
                *at_border = 1;
                continue;
            }
            int32_t i = v * a->W + u;
            if (a->state[i] != state_a && a->state[i] != state_b)
                continue;
            *has_strong |= a->state[i] == STRONG;
            a->state[i] = SEEN;
            a->stack[n++] = i;
        }
    }
    return n;
}

/* Alpha of a painted pixel: full over the threshold, fading out at half of it. */
static uint8_t alpha_of(int difference, int threshold)
{
    int from = threshold / 2;
    if (difference >= threshold)
        return 255;
    return (uint8_t)(255 * (difference - from + 1) / (threshold - from + 1));
}

static void cover_groups(area *a, uint8_t *rgba, const uint8_t *difference, int threshold, int despeckle_px)
{
    int32_t n_px = a->W * a->H;
    int has_strong, at_border;
    for (int32_t i = 0; i < n_px; i++) {
        if (a->state[i] != STRONG && a->state[i] != WEAK)
            continue;
        int32_t n = walk(a, i, STRONG, WEAK, 1, &has_strong, &at_border);
        int keep = has_strong && n >= despeckle_px;
        for (int32_t k = 0; k < n && keep; k++)
            rgba[4 * (size_t)a->stack[k] + 3] = alpha_of(difference[a->stack[k]], threshold);
    }
}

static void fill_holes(area *a, uint8_t *rgba, int fill_holes_px)
{
    int32_t n_px = a->W * a->H;
    int has_strong, at_border;
    for (int32_t i = 0; i < n_px; i++)
        a->state[i] = rgba[4 * (size_t)i + 3] ? STRONG : NOT_PAINTED;
    for (int32_t i = 0; i < n_px; i++) {
        if (a->state[i] != NOT_PAINTED)
            continue;
        int32_t n = walk(a, i, NOT_PAINTED, NOT_PAINTED, 0, &has_strong, &at_border);
        int fill = !at_border && n < fill_holes_px;
        for (int32_t k = 0; k < n && fill; k++)
            rgba[4 * (size_t)a->stack[k] + 3] = 255;
    }
}

static void paint_overlay(area *a, uint8_t *rgba, const uint8_t *painted, const uint8_t *difference,
                          int threshold, const hf_edit_params *params)
{
    size_t n = (size_t)a->W * (size_t)a->H;
    memcpy(rgba, painted, 4 * n);
    for (size_t i = 0; i < n; i++) {
        a->state[i] = difference[i] >= threshold ? STRONG :
                      difference[i] >= threshold / 2 && difference[i] > 0 ? WEAK : NOT_PAINTED;
        rgba[4 * i + 3] = 0;
    }
    cover_groups(a, rgba, difference, threshold, params->despeckle_px);
    fill_holes(a, rgba, params->fill_holes_px);
    for (size_t i = 0; i < n; i++)
        if (!rgba[4 * i + 3])
            memset(rgba + 4 * i, 0, 3);
}

int64_t hf_edit_from_difference(uint8_t *rgba, const uint8_t *painted, const uint8_t *frame,
                                int W, int H, const hf_edit_params *params, hf_error *err)
{
    static const hf_edit_params defaults = HF_EDIT_DEFAULTS;
    size_t n = (size_t)W * (size_t)H;
    uint8_t *difference = calloc(n, 1);
    area a = { .state = malloc(n), .stack = malloc(sizeof(int32_t) * n), .W = W, .H = H };
    int64_t covered;

    params = params ? params : &defaults;
    if (!difference || !a.state || !a.stack) {
        covered = hf_fail(err, HF_ENOMEM, "edit: out of memory for %dx%d pixels", W, H);
    } else {
        measure_difference(difference, painted, frame, n);
        int threshold = params->threshold > 0 ? params->threshold : auto_threshold(difference, n);
        paint_overlay(&a, rgba, painted, difference, threshold, params);
        covered = count_covered(rgba, n);
    }
    free(difference);
    free(a.state);
    free(a.stack);
    return covered;
}

static int take_difference(hf_edit *edit, const uint8_t *frame, int W, int H,
                           const hf_edit_params *params, hf_error *err)
{
    uint8_t *rgba;
    int64_t covered;
    if (edit->width != W || edit->height != H)
        return hf_fail(err, HF_EARG, "%s: painted frame of %dx%d, but the frame is %dx%d; a file without "
                       "transparency must be the frame itself, painted over: save it in that size, or "
                       "paint on a transparent layer", edit->name, edit->width, edit->height, W, H);
    if (!frame)
        return hf_fail(err, HF_EARG, "%s: painted frame, but there is no frame to compare it with", edit->name);
    if (!(rgba = malloc(4 * (size_t)W * (size_t)H)))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory for %dx%d pixels", edit->name, W, H);
    covered = hf_edit_from_difference(rgba, edit->rgba, frame, W, H, params, err);
    if (covered <= 0) {
        free(rgba);
        if (covered < 0)
            return (int)covered;
        return hf_fail(err, HF_EARG, "%s: nothing painted was found, it is the frame itself up to noise; paint "
                       "more strongly, lower --edit-threshold, or paint on a transparent layer", edit->name);
    }
    free(edit->rgba);
    edit->rgba = rgba;
    edit->covered_px = covered;
    edit->is_painted = 0;
    if (2 * covered > (int64_t)W * H)
        snprintf(edit->warning, sizeof(edit->warning), "%s: differs from the frame over %.0f %% of it; is it "
                 "painted on this frame?", edit->name, 100.0 * (double)covered / ((double)W * H));
    return HF_OK;
}

int hf_edit_fit(hf_edit *edit, const uint8_t *frame, int W, int H,
                const hf_edit_params *params, hf_error *err)
{
    static const hf_edit_params defaults = HF_EDIT_DEFAULTS;
    int rc = HF_OK;
    params = params ? params : &defaults;
    if (W < 1 || H < 1)
        return hf_fail(err, HF_EARG, "%s: frame size is %dx%d, want at least 1x1", edit->name, W, H);
    if (params->threshold < 0 || params->threshold > 254)
        return hf_fail(err, HF_EARG, "--edit-threshold is %d, want 0..254", params->threshold);
    edit->warning[0] = 0;
    if (edit->is_painted)
        rc = take_difference(edit, frame, W, H, params, err);
    else if (edit->width != W || edit->height != H)
        rc = fit_overlay(edit, W, H, params->fit, err);
    if (rc == HF_OK)
        describe(edit);
    return rc;
}
