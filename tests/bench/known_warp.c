/* known_warp.c - an image against its own known warp: how far from the truth dense matches land.
 *
 *     known_warp [IMAGE [options of hfprop match]]
 *     known_warp photo.jpg --model sd15 --weights ~/sd15
 *
 * Without an image, frame 0 of the sample scene. The image is turned, scaled, moved and bent smoothly by a known map,
 * and every pixel of the result is matched with the image (hf_field_match). The error is the distance between the
 * match and the place that the pixel truly came from, in pixels and in cells of the features. Exit status 1 if the
 * median is a cell or more.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/correspond.h"
#include "samples/scene.h"
#include "src/cli/pair.h"

/* Where pixel (x, y) of the warped picture comes from. */
static void come_from(double *u, double *v, double x, double y, int W, int H)
{
    double turn = 6.0 * acos(-1.0) / 180.0, grow = 1.06, bend = 0.02 * (W < H ? W : H);
    double dx = (x - W / 2.0) / grow, dy = (y - H / 2.0) / grow;
    *u = W / 2.0 + cos(turn) * dx - sin(turn) * dy + 0.03 * W + bend * sin(2.3 * acos(-1.0) * y / H);
    *v = H / 2.0 + sin(turn) * dx + cos(turn) * dy - 0.02 * H + bend * sin(1.9 * acos(-1.0) * x / W + 1.0);
}

static int is_inside(double u, double v, int W, int H)
{
    return u >= 0 && v >= 0 && u <= W - 1 && v <= H - 1;
}

static int warp_image(hf_image *out, const hf_image *a)
{
    *out = *a;
    int W = a->width, H = a->height;
    if (!(out->rgb = malloc(3 * (size_t)W * (size_t)H)))
        return -1;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++) {
                double u, v;
                come_from(&u, &v, x, y, W, H);
                u = u < 0 ? 0 : u > W - 1 ? W - 1 : u;
                v = v < 0 ? 0 : v > H - 1 ? H - 1 : v;
                int x0 = (int)u, y0 = (int)v, x1 = x0 + (x0 + 1 < W), y1 = y0 + (y0 + 1 < H);
                double fx = u - x0, fy = v - y0;
                const uint8_t *p = a->rgb + c;
                out->rgb[3 * (y * W + x) + c] =
                    (uint8_t)((1 - fy) * ((1 - fx) * p[3 * (y0 * W + x0)] + fx * p[3 * (y0 * W + x1)]) +
                              fy * ((1 - fx) * p[3 * (y1 * W + x0)] + fx * p[3 * (y1 * W + x1)]) + 0.5);
            }
    return 0;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Returns the median in cells. */
static double report(const hf_field *field, const hf_feature_map *map)
{
    int W = field->width, H = field->height;
    float *error = malloc((size_t)W * (size_t)H * sizeof(float));
    long n = 0;
    double cell = 0.5 * ((double)map->width / map->w + (double)map->height / map->h), u, v;

    for (int i = 0; error && i < W * H; i++) {
        come_from(&u, &v, i % W, i / W, W, H);
        if (is_inside(u, v, W, H))
            error[n++] = hypotf((float)(field->index[i] % W - u), (float)(field->index[i] / W - v));
    }
    if (!n) {
        free(error);
        return INFINITY;
    }
    qsort(error, (size_t)n, sizeof(float), by_value);
    double median = (double)error[n / 2], most = (double)error[n * 9 / 10];
    printf("%dx%d, %dx%d cells of %.1f px: median %.2f px = %.3f cells, 90 %% within %.2f px = %.3f cells\n", W, H, map->w,
           map->h, cell, median, median / cell, most, most / cell);
    free(error);
    return median / cell;
}

static int measure(double *median, const hf_image *a, const hf_options *options, hf_error *err)
{
    hf_describe_params params;
    hf_describer *describer = NULL;
    hf_description of[2] = { { .backend = NULL }, { .backend = NULL } };
    hf_field *field = NULL;
    hf_image b = { .rgb = NULL };
    int rc;

    hf_options_describe(&params, options);
    if (warp_image(&b, a) < 0) {
        rc = hf_fail(err, HF_ENOMEM, "out of memory");
        goto end;
    }
    if ((rc = hf_describer_open(&describer, &params, err)) < 0 || (rc = hf_describe(&of[0], describer, a, 1, err)) < 0 ||
        (rc = hf_describe(&of[1], describer, &b, 0, err)) < 0 ||
        (rc = hf_field_new(&field, a->width, a->height, a->width, a->height, err)) < 0 ||
        (rc = hf_field_match(field, hf_describer_backend(describer), &of[1].features, &of[0].features, err)) < 0)
        goto end;
    printf("%s, ", hf_describer_model_name(describer));
    *median = report(field, &of[0].map);
end:
    hf_field_free(&field);
    hf_description_free(&of[0]);
    hf_description_free(&of[1]);
    hf_describer_close(&describer);
    free(b.rgb);
    return rc;
}

static int scene_image(hf_image **out)
{
    scene *s = scene_new();
    hf_image *image = calloc(1, sizeof(*image));
    *out = image;
    if (!s || !image || !(image->rgb = malloc(3 * SCENE_WIDTH * SCENE_HEIGHT)))
        return -1;
    image->width = SCENE_WIDTH, image->height = SCENE_HEIGHT;
    scene_render(s, image->rgb, 0);
    scene_free(&s);
    return 0;
}

int main(int argc, char **argv)
{
    static hf_options options;
    char *args[64] = { "hfprop", "match", argc > 1 ? argv[1] : "scene", argc > 1 ? argv[1] : "scene" };
    hf_image *image = NULL;
    hf_error err = { 0 };
    double median = INFINITY;
    int n = 4, rc;

    for (int i = 2; i < argc && n < 63; i++)
        args[n++] = argv[i];
    if ((rc = hf_options_parse(&options, n, args, &err)) < 0)
        goto end;
    if (argc > 1)
        rc = hf_image_open(&image, argv[1], &err);
    else if (scene_image(&image) < 0)
        rc = hf_fail(&err, HF_ENOMEM, "out of memory");
    if (rc >= 0)
        rc = measure(&median, image, &options, &err);
end:
    hf_image_free(&image);
    if (rc < 0)
        fprintf(stderr, "known_warp: %s\n", err.text);
    return rc < 0 || !(median < 1.0);
}
