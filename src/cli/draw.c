/* draw.c - see draw.h. */
#include "src/cli/draw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/png.h"

/* Rows of five dots, the left one in the highest of five bits. */
static const uint8_t digits[10][7] = {
    { 0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e }, { 0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e },
    { 0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f }, { 0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e },
    { 0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02 }, { 0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e },
    { 0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e }, { 0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08 },
    { 0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e }, { 0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c },
};
enum { DIGIT_WIDTH = 5, DIGIT_HEIGHT = 7, DIGIT_STEP = 6 };

int hf_canvas_new(hf_canvas **out, int width, int height, uint8_t gray, hf_error *err)
{
    size_t bytes = 3 * (size_t)width * (size_t)height;
    hf_canvas *c = calloc(1, sizeof(*c));

    *out = NULL;
    if (!c || !(c->rgb = malloc(bytes))) {
        free(c);
        return hf_fail(err, HF_ENOMEM, "picture: out of memory for %dx%d pixels", width, height);
    }
    c->width = width, c->height = height;
    memset(c->rgb, gray, bytes);
    *out = c;
    return HF_OK;
}

void hf_canvas_free(hf_canvas **canvas)
{
    if (!canvas || !*canvas)
        return;
    free((*canvas)->rgb);
    free(*canvas);
    *canvas = NULL;
}

/* ---- marks ---- */

static void blend(hf_canvas *c, int x, int y, const uint8_t color[3], double alpha)
{
    if (x < 0 || y < 0 || x >= c->width || y >= c->height || alpha <= 0.0)
        return;
    uint8_t *p = c->rgb + 3 * ((int64_t)y * c->width + x);
    alpha = alpha > 1.0 ? 1.0 : alpha;
    for (int k = 0; k < 3; k++)
        p[k] = (uint8_t)(p[k] + alpha * (color[k] - p[k]) + 0.5);
}

static int clamp(double v, int low, int high)
{
    return v < low ? low : v > high ? high : (int)v;
}

/* Every pixel near the segment is covered by as much of it as is nearer than half the thickness. */
void hf_canvas_line(hf_canvas *canvas, double x0, double y0, double x1, double y1, double thickness,
                    const uint8_t color[3], double opacity)
{
    double reach = thickness / 2 + 1, dx = x1 - x0, dy = y1 - y0, square = dx * dx + dy * dy;
    int top = clamp(fmin(y0, y1) - reach, 0, canvas->height), low = clamp(fmax(y0, y1) + reach, -1, canvas->height - 1);
    int left = clamp(fmin(x0, x1) - reach, 0, canvas->width), right = clamp(fmax(x0, x1) + reach, -1, canvas->width - 1);

    for (int y = top; y <= low; y++)
        for (int x = left; x <= right; x++) {
            double t = square > 0.0 ? ((x - x0) * dx + (y - y0) * dy) / square : 0.0;
            t = t < 0.0 ? 0.0 : t > 1.0 ? 1.0 : t;
            double away = hypot(x - x0 - t * dx, y - y0 - t * dy);
            blend(canvas, x, y, color, opacity * fmin(1.0, thickness / 2 + 0.5 - away));
        }
}

void hf_canvas_disk(hf_canvas *canvas, double x, double y, double radius, const uint8_t color[3], double opacity)
{
    hf_canvas_line(canvas, x, y, x, y, 2 * radius, color, opacity);
}

static void draw_dot(hf_canvas *c, int x, int y, int size, const uint8_t color[3])
{
    for (int v = 0; v < size; v++)
        for (int u = 0; u < size; u++)
            blend(c, x + u, y + v, color, 1.0);
}

static void draw_digit(hf_canvas *c, int x, int y, int digit, int dot, int edge, const uint8_t color[3])
{
    for (int v = 0; v < DIGIT_HEIGHT; v++)
        for (int u = 0; u < DIGIT_WIDTH; u++)
            if (digits[digit][v] >> (DIGIT_WIDTH - 1 - u) & 1)
                draw_dot(c, x + u * dot - edge, y + v * dot - edge, dot + 2 * edge, color);
}

void hf_canvas_number(hf_canvas *canvas, int x, int y, int number, int dot)
{
    static const uint8_t colors[2][3] = { { 20, 20, 20 }, { 255, 255, 255 } };
    char text[16];
    snprintf(text, sizeof(text), "%d", number < 0 ? 0 : number);
    for (int pass = 0; pass < 2; pass++) /* the edge lies under all digits */
        for (int i = 0; text[i]; i++)
            draw_digit(canvas, x + i * DIGIT_STEP * dot, y, text[i] - '0', dot, pass ? 0 : 1, colors[pass]);
}

void hf_mark_color(uint8_t color[3], int i)
{
    /* Hues a golden angle apart, so that any number of them stays well spread. */
    double hue = fmod(i * 0.61803398875 * 6.0 + 0.2, 6.0);
    for (int k = 0; k < 3; k++) {
        double from_peak = fabs(fmod(hue - 2.0 * k + 9.0, 6.0) - 3.0);
        double v = from_peak < 1.0 ? 1.0 : from_peak < 2.0 ? 2.0 - from_peak : 0.0;
        color[k] = (uint8_t)(70.0 + 185.0 * v + 0.5);
    }
}

/* ---- pictures ---- */

void hf_canvas_picture(hf_canvas *canvas, const uint8_t *rgb, int width, int height, int x, int y, int factor)
{
    for (int v = 0; v < height / factor && y + v < canvas->height; v++)
        for (int u = 0; u < width / factor && x + u < canvas->width; u++)
            for (int k = 0; k < 3; k++) {
                int sum = 0;
                for (int j = 0; j < factor * factor; j++)
                    sum += rgb[3 * ((int64_t)(v * factor + j / factor) * width + u * factor + j % factor) + k];
                canvas->rgb[3 * ((int64_t)(y + v) * canvas->width + x + u) + k] =
                    (uint8_t)((sum + factor * factor / 2) / (factor * factor));
            }
}

void hf_canvas_enlarge(hf_canvas *canvas, const uint8_t *rgb, int width, int height, int x, int y, int factor)
{
    for (int v = 0; v < height * factor && y + v < canvas->height; v++)
        for (int u = 0; u < width * factor && x + u < canvas->width; u++) {
            double sy = (v + 0.5) / factor - 0.5, sx = (u + 0.5) / factor - 0.5;
            int y0 = clamp(sy, 0, height - 1), x0 = clamp(sx, 0, width - 1);
            int y1 = clamp(sy + 1.0, 0, height - 1), x1 = clamp(sx + 1.0, 0, width - 1);
            double fy = sy > y0 ? sy - y0 : 0.0, fx = sx > x0 ? sx - x0 : 0.0;
            for (int k = 0; k < 3; k++) {
                double top = (1 - fx) * rgb[3 * ((int64_t)y0 * width + x0) + k] +
                             fx * rgb[3 * ((int64_t)y0 * width + x1) + k];
                double low = (1 - fx) * rgb[3 * ((int64_t)y1 * width + x0) + k] +
                             fx * rgb[3 * ((int64_t)y1 * width + x1) + k];
                canvas->rgb[3 * ((int64_t)(y + v) * canvas->width + x + u) + k] =
                    (uint8_t)((1 - fy) * top + fy * low + 0.5);
            }
        }
}

int hf_canvas_write(const char *path, const hf_canvas *canvas, hf_error *err)
{
    hf_png png = { .width = canvas->width, .height = canvas->height, .kind = HF_PNG_RGB, .bits = 8,
                   .pixels = canvas->rgb };
    return hf_png_write(path, &png, err);
}
