/* match_tell.c - matches for people, programs and eyes; see cmd_match.h. */
#include "src/cli/cmd_match.h"

#include <jansson.h>
#include <math.h>

#include "src/cli/draw.h"
#include "src/cli/settings.h"

#define MAX_PICTURE_SIDE 1280 /* larger images are drawn smaller, by a whole factor */
#define MIN_PICTURE_SIDE 480  /* smaller ones twice as large: marks need room */
#define GAP 8                 /* between the images, pixels */

int hf_match_print(FILE *out, const hf_found_list *list, hf_error *err)
{
    fprintf(out, "%3s %9s %9s  %9s %9s  %10s %7s\n", "", "x in A", "y in A", "x in B", "y in B", "similarity", "margin");
    for (int i = 0; i < list->n; i++) {
        const hf_found *f = &list->item[i];
        fprintf(out, "%3d %9.2f %9.2f  %9.2f %9.2f  %10.4f %7.4f\n", i + 1, f->x, f->y, f->to_x, f->to_y,
                (double)f->similarity, (double)f->margin);
    }
    return fflush(out) == 0 ? HF_OK : hf_fail(err, HF_EIO, "match: the result could not be printed");
}

static json_t *image_json(const hf_pair *pair, int i)
{
    const hf_feature_map *map = &pair->of[i].map;
    return json_pack("{s:o, s:i, s:i, s:[i,i,i]}", "path", hf_json_text(pair->image[i]->path), "width",
                     pair->image[i]->width, "height", pair->image[i]->height, "features", map->h, map->w, map->D);
}

static json_t *found_json(const hf_found *f)
{
    json_t *second = isnan(f->second_x) ? json_null() : json_pack("[f,f]", f->second_x, f->second_y);
    return json_pack("{s:[f,f], s:[f,f], s:f, s:f, s:o}", "a", f->x, f->y, "b", f->to_x, f->to_y, "similarity",
                     (double)f->similarity, "margin", (double)f->margin, "second", second);
}

int hf_match_print_json(FILE *out, const hf_found_list *list, const hf_pair *pair, const hf_options *options,
                        hf_error *err)
{
    static const char *const how[] = { "mutual", "cyclic", "buddies" }; /* in the order of --select */
    json_t *matches = json_array();
    for (int i = 0; i < list->n; i++)
        json_array_append_new(matches, found_json(&list->item[i]));
    json_t *root = json_pack("{s:s, s:o, s:o, s:o, s:s, s:s, s:f, s:o}", "hfprop", hf_version(), "model",
                             hf_json_text(hf_describer_model_name(pair->describer)), "a", image_json(pair, 0), "b",
                             image_json(pair, 1), "select", options->points ? "points" : how[options->select], "level",
                             options->points || options->by_pixels ? "pixels" : "cells", "apart_px", list->apart_px,
                             "matches", matches);
    int failed = !root || json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(8)) < 0 || fputc('\n', out) < 0 ||
                 fflush(out) != 0;
    int rc = !root ? hf_fail(err, HF_ENOMEM, "match: out of memory")
             : failed ? hf_fail(err, HF_EIO, "match: the result could not be printed")
                      : HF_OK;
    json_decref(root);
    return rc;
}

/* ---- the picture ---- */

/* Pixels of the picture per pixel of the images: a whole number, or one over a whole number. */
typedef struct zoom {
    int times, over;
} zoom;

static zoom zoom_of(const hf_pair *pair)
{
    int longest = 1;
    for (int i = 0; i < 2; i++) {
        longest = pair->image[i]->width > longest ? pair->image[i]->width : longest;
        longest = pair->image[i]->height > longest ? pair->image[i]->height : longest;
    }
    return (zoom){ longest < MIN_PICTURE_SIDE ? 2 : 1, (longest + MAX_PICTURE_SIDE - 1) / MAX_PICTURE_SIDE };
}

static int zoomed_side(int side, zoom z)
{
    int n = side * z.times / z.over;
    return n > 0 ? n : 1;
}

/* A coordinate of an image in the picture. */
static double zoomed(double at, zoom z)
{
    return (at + 0.5) * z.times / z.over - 0.5;
}

static void draw_image(hf_canvas *c, const hf_image *image, int x, zoom z)
{
    if (z.times > 1)
        hf_canvas_enlarge(c, image->rgb, image->width, image->height, x, 0, z.times);
    else
        hf_canvas_picture(c, image->rgb, image->width, image->height, x, 0, z.over);
}

static void draw_mark(hf_canvas *c, double x, double y, int number, double size)
{
    static const uint8_t white[3] = { 255, 255, 255 };
    uint8_t color[3];
    hf_mark_color(color, number - 1);
    hf_canvas_disk(c, x, y, 3.2 * size, white, 0.9);
    hf_canvas_disk(c, x, y, 2.4 * size, color, 1.0);
    hf_canvas_number(c, (int)(x + 4 * size), (int)(y - 9 * size), number, size >= 2.0 ? 2 : 1);
}

int hf_match_draw(const char *path, const hf_found_list *list, const hf_pair *pair, hf_error *err)
{
    zoom z = zoom_of(pair);
    hf_canvas *c = NULL;
    int width[2], height[2], rc;

    for (int i = 0; i < 2; i++) {
        width[i] = zoomed_side(pair->image[i]->width, z);
        height[i] = zoomed_side(pair->image[i]->height, z);
    }
    int H = height[0] > height[1] ? height[0] : height[1], left = width[0] + GAP;
    double size = H >= 600 ? 2.0 : H >= 240 ? 1.5 : 1.0;
    if ((rc = hf_canvas_new(&c, left + width[1], H, 128, err)) < 0)
        return rc;
    draw_image(c, pair->image[0], 0, z);
    draw_image(c, pair->image[1], left, z);
    /* Lines lie under all marks. */
    for (int marks = 0; marks < 2; marks++)
        for (int i = 0; i < list->n; i++) {
            const hf_found *f = &list->item[i];
            double x = zoomed(f->x, z), y = zoomed(f->y, z), to_x = left + zoomed(f->to_x, z), to_y = zoomed(f->to_y, z);
            uint8_t color[3];
            hf_mark_color(color, i);
            if (!marks) {
                hf_canvas_line(c, x, y, to_x, to_y, 0.8 * size, color, 0.7);
                continue;
            }
            draw_mark(c, x, y, i + 1, size);
            draw_mark(c, to_x, to_y, i + 1, size);
        }
    rc = hf_canvas_write(path, c, err);
    hf_canvas_free(&c);
    return rc;
}
