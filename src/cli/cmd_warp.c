/* cmd_warp.c - see cmd_warp.h. */
#include "src/cli/cmd_warp.h"

#include <stdlib.h>
#include <string.h>

#include "io/png.h"
#include "propagate/compose.h"
#include "propagate/correspond.h"
#include "propagate/splat.h"
#include "propagate/warp.h"
#include "src/cli/draw.h"
#include "src/cli/pair.h"

#define DEFAULT_TEMPERATURE 0.02
#define GAP 8      /* between the images of a panel, pixels */
#define PAPER 128  /* gray under what is transparent, in a panel */

typedef struct warp {
    const hf_options *options;
    hf_report        *report;
    hf_stage          stage;
    hf_pair           pair;
    uint8_t          *colors; /* [Ha,Wa,4] what is carried; outside the mask transparent */
    uint8_t          *result; /* [Hb,Wb,4] */
} warp;

static int64_t n_pixels(const hf_image *image)
{
    return (int64_t)image->width * image->height;
}

/* ---- what is carried ---- */

/* Coordinates that run once over the object, or over the image without a mask. */
static void object_coordinates(float *xy, const hf_image *a, const hf_object_mask *mask)
{
    int x0 = 0, y0 = 0, x1 = a->width - 1, y1 = a->height - 1;
    if (mask) {
        x0 = a->width, y0 = a->height, x1 = y1 = 0;
        for (int y = 0; y < a->height; y++)
            for (int x = 0; x < a->width; x++)
                if (mask->inside[(int64_t)y * a->width + x]) {
                    x0 = x < x0 ? x : x0, x1 = x > x1 ? x : x1;
                    y0 = y < y0 ? y : y0, y1 = y > y1 ? y : y1;
                }
    }
    for (int y = 0; y < a->height; y++)
        for (int x = 0; x < a->width; x++) {
            float *at = xy + 2 * ((int64_t)y * a->width + x);
            at[0] = (float)(x - x0) * (float)(a->width - 1) / (float)(x1 > x0 ? x1 - x0 : 1);
            at[1] = (float)(y - y0) * (float)(a->height - 1) / (float)(y1 > y0 ? y1 - y0 : 1);
        }
}

static int paint_colormap(uint8_t *rgb, const hf_image *a, const hf_object_mask *mask, hf_error *err)
{
    size_t n = (size_t)n_pixels(a);
    float *xy = malloc(2 * n * sizeof(float)), *cover = malloc(n * sizeof(float));
    int rc = HF_OK;

    if (!xy || !cover) {
        rc = hf_fail(err, HF_ENOMEM, "warp: out of memory");
        goto end;
    }
    object_coordinates(xy, a, mask);
    for (size_t i = 0; i < n; i++)
        cover[i] = 1.0f;
    hf_compose_colormap(rgb, xy, cover, a->width, a->height);
end:
    free(xy);
    free(cover);
    return rc;
}

static int choose_colors(warp *w, hf_error *err)
{
    const hf_image *a = w->pair.image[0];
    const hf_object_mask *mask = w->pair.mask[0];
    int64_t n = n_pixels(a);
    uint8_t *map = NULL;
    int rc = HF_OK;

    w->colors = malloc(4 * (size_t)n);
    w->result = calloc(4, (size_t)n_pixels(w->pair.image[1]));
    if (!w->colors || !w->result || (w->options->warp_colormap && !(map = malloc(3 * (size_t)n))))
        rc = hf_fail(err, HF_ENOMEM, "warp: out of memory");
    else if (map)
        rc = paint_colormap(map, a, mask, err);
    for (int64_t i = 0; rc == HF_OK && i < n; i++) {
        memcpy(w->colors + 4 * i, (map ? map : a->rgb) + 3 * i, 3);
        w->colors[4 * i + 3] = !mask || mask->inside[i] ? 255 : 0;
    }
    free(map);
    return rc;
}

/* ---- carrying ---- */

/* The field from image i to the other one, within the masks. */
static int make_field(hf_field **field, const warp *w, int i, hf_error *err)
{
    const hf_pair *p = &w->pair;
    const hf_image *from = p->image[i], *to = p->image[1 - i];
    int rc = hf_field_new(field, from->width, from->height, to->width, to->height, err);

    if (rc < 0)
        return rc;
    if (p->mask[0] || p->mask[1])
        return hf_field_match_inside(*field, &p->of[i].map, &p->of[1 - i].map,
                                     p->mask[i] ? p->mask[i]->inside : NULL,
                                     p->mask[1 - i] ? p->mask[1 - i]->inside : NULL, err);
    return hf_field_match(*field, hf_describer_backend(p->describer), &p->of[i].features, &p->of[1 - i].features, err);
}

static int fetch(warp *w, hf_error *err)
{
    hf_field *field = NULL;
    int rc = make_field(&field, w, 1, err);

    if (rc >= 0)
        for (int64_t q = 0; q < n_pixels(w->pair.image[1]); q++)
            if (field->index[q] >= 0)
                memcpy(w->result + 4 * q, w->colors + 4 * (int64_t)field->index[q], 4);
    hf_field_free(&field);
    return rc;
}

/* Backend memory of one splat. */
typedef struct splat_memory {
    hf_tensor out, cover, winner, payload, match, similarity, scratch;
} splat_memory;

static int take(hf_tensor *t, hf_backend *be)
{
    size_t bytes = hf_tensor_bytes(t);
    t->data = be->ops.alloc(be, bytes ? bytes : 1);
    return t->data != NULL;
}

static int take_all(splat_memory *s, hf_backend *be, const hf_image *a, const hf_image *b)
{
    size_t scratch = hf_splat_scratch_bytes(a->width, a->height, b->width, b->height);
    s->out = hf_tensor_view(NULL, HF_F32, 3, b->height, b->width, 4);
    s->cover = hf_tensor_view(NULL, HF_F32, 2, b->height, b->width);
    s->winner = hf_tensor_view(NULL, HF_I32, 2, b->height, b->width);
    s->payload = hf_tensor_view(NULL, HF_F32, 3, a->height, a->width, 4);
    s->match = hf_tensor_view(NULL, HF_I32, 2, a->height, a->width);
    s->similarity = hf_tensor_view(NULL, HF_F32, 2, a->height, a->width);
    s->scratch = hf_tensor_view(NULL, HF_U8, 1, (int64_t)scratch);
    return take(&s->out, be) && take(&s->cover, be) && take(&s->payload, be) && take(&s->match, be) &&
           take(&s->similarity, be) && take(&s->scratch, be);
}

static void drop_all(splat_memory *s, hf_backend *be)
{
    hf_tensor *const all[] = { &s->out, &s->cover, &s->payload, &s->match, &s->similarity, &s->scratch };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        be->ops.free(be, all[i]->data);
}

static int run_splat(warp *w, const hf_field *field, float *payload, float *landed, hf_error *err)
{
    const hf_image *a = w->pair.image[0], *b = w->pair.image[1];
    hf_backend *be = hf_describer_backend(w->pair.describer);
    hf_splat_params params = { .temperature = (float)(w->options->temperature > 0.0 ? w->options->temperature
                                                                                      : DEFAULT_TEMPERATURE) };
    splat_memory s = { .out = { .data = NULL } };
    int rc;

    if (!take_all(&s, be, a, b))
        rc = hf_fail(err, HF_ENOMEM, "warp: out of memory");
    else if ((rc = be->ops.write(be, &s.payload, payload, err)) >= 0 &&
             (rc = be->ops.write(be, &s.match, field->index, err)) >= 0 &&
             (rc = be->ops.write(be, &s.similarity, field->similarity, err)) >= 0 &&
             (rc = be->ops.splat(be, &s.out, &s.cover, &s.winner, &s.payload, &s.match, &s.similarity, &params,
                                 &s.scratch, err)) >= 0 &&
             (rc = be->ops.read(be, landed, &s.out, err)) >= 0)
        rc = be->ops.sync(be, err);
    drop_all(&s, be);
    return rc;
}

static int lay_down(warp *w, hf_error *err)
{
    int64_t n = n_pixels(w->pair.image[0]), n_to = n_pixels(w->pair.image[1]);
    float *payload = malloc((size_t)n * 4 * sizeof(float)), *landed = malloc((size_t)n_to * 4 * sizeof(float));
    hf_field *field = NULL;
    int rc;

    if (!payload || !landed) {
        rc = hf_fail(err, HF_ENOMEM, "warp: out of memory");
        goto end;
    }
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < 4; c++)
            payload[4 * i + c] = c < 3 ? w->colors[4 * i + c] * (float)w->colors[4 * i + 3] / 255.0f
                                       : w->colors[4 * i + 3];
    if ((rc = make_field(&field, w, 0, err)) < 0 || (rc = run_splat(w, field, payload, landed, err)) < 0)
        goto end;
    hf_warp_straighten(w->result, landed, n_to);
    int64_t covered = 0;
    for (int64_t i = 0; i < n_to; i++)
        covered += w->result[4 * i + 3] > 0;
    hf_report_note(w->report, "%.1f %% of B is covered", 100.0 * (double)covered / (double)n_to);
end:
    hf_field_free(&field);
    free(payload);
    free(landed);
    return rc;
}

/* ---- output ---- */

/* RGBA over a picture, or over plain gray (under NULL). */
static int flatten(uint8_t *rgb, const uint8_t *rgba, const uint8_t *under, const hf_image *size, hf_error *err)
{
    size_t n = (size_t)n_pixels(size);
    uint8_t *gray = NULL;
    if (!under) {
        if (!(gray = malloc(3 * n)))
            return hf_fail(err, HF_ENOMEM, "warp: out of memory");
        memset(gray, PAPER, 3 * n);
    }
    hf_compose_blend(rgb, under ? under : gray, rgba, size->width, size->height);
    free(gray);
    return HF_OK;
}

static int write_panel(const warp *w, const uint8_t *result_rgb, hf_error *err)
{
    const hf_image *a = w->pair.image[0], *b = w->pair.image[1];
    uint8_t *shown = malloc(3 * (size_t)n_pixels(a));
    hf_canvas *c = NULL;
    int rc;

    if (!shown) {
        rc = hf_fail(err, HF_ENOMEM, "warp: out of memory");
        goto end;
    }
    if ((rc = flatten(shown, w->colors, w->options->warp_colormap ? a->rgb : NULL, a, err)) < 0 ||
        (rc = hf_canvas_new(&c, a->width + 2 * (b->width + GAP), a->height > b->height ? a->height : b->height, PAPER,
                            err)) < 0)
        goto end;
    hf_canvas_picture(c, shown, a->width, a->height, 0, 0, 1);
    hf_canvas_picture(c, b->rgb, b->width, b->height, a->width + GAP, 0, 1);
    hf_canvas_picture(c, result_rgb, b->width, b->height, a->width + b->width + 2 * GAP, 0, 1);
    rc = hf_canvas_write(w->options->out, c, err);
end:
    hf_canvas_free(&c);
    free(shown);
    return rc;
}

static int write_result(warp *w, hf_error *err)
{
    const hf_options *o = w->options;
    const hf_image *b = w->pair.image[1];
    hf_png png = { .width = b->width, .height = b->height, .kind = HF_PNG_RGBA, .bits = 8, .pixels = w->result };
    uint8_t *rgb = NULL;
    int rc;

    w->stage = HF_STAGE_OUTPUT;
    if (!o->warp_over && !o->panel)
        return hf_png_write(o->out, &png, err);
    if (!(rgb = malloc(3 * (size_t)n_pixels(b))))
        return hf_fail(err, HF_ENOMEM, "warp: out of memory");
    if ((rc = flatten(rgb, w->result, o->warp_over ? b->rgb : NULL, b, err)) < 0)
        goto end;
    png.kind = HF_PNG_RGB;
    png.pixels = rgb;
    rc = o->panel ? write_panel(w, rgb, err) : hf_png_write(o->out, &png, err);
end:
    free(rgb);
    return rc;
}

static int run(warp *w, hf_error *err)
{
    const hf_options *o = w->options;
    size_t n = o->out ? strlen(o->out) : 0;
    int rc;

    if (!o->out)
        return hf_fail(err, HF_EARG, "no output, want -o OUT.png");
    if (n < 5 || strcasecmp(o->out + n - 4, ".png") != 0)
        return hf_fail(err, HF_EARG, "-o %s: want the name of a .png", o->out);
    if (o->temperature > 0.0 && !o->warp_splat)
        return hf_fail(err, HF_EARG, "--temperature is for --how splat");
    if ((rc = hf_pair_check_output(o->out, o, w->report, err)) < 0 ||
        (rc = hf_pair_open(&w->pair, o, &w->stage, err)) < 0 || (rc = choose_colors(w, err)) < 0 ||
        (rc = o->warp_splat ? lay_down(w, err) : fetch(w, err)) < 0)
        return rc;
    return write_result(w, err);
}

int hf_warp_main(const hf_options *options, int argc, char **argv)
{
    warp w = { .options = options, .stage = HF_STAGE_USAGE };
    hf_error err = { 0 };
    int rc;

    (void)argc, (void)argv;
    if ((rc = hf_pair_open_report(&w.report, options, &err)) >= 0)
        rc = run(&w, &err);
    if (rc < 0)
        hf_report_error(w.report, &err);
    hf_pair_close(&w.pair);
    free(w.colors);
    free(w.result);
    hf_report_close(&w.report);
    return rc < 0 ? hf_exit_code(err.status, w.stage) : 0;
}
