/* nearest.c - Meijster, Roerdink and Hesselink, "A general algorithm for computing distance
 * transforms in linear time" (2000): nearest site of each column first, then for each
 * row the lower envelope of the parabolas (x - i)^2 + g(i)^2.
 */
#include "propagate/nearest.h"

#include <stdlib.h>

#define NONE INT32_MIN

/* rows[y,x]: the row of the nearest site of column x, or NONE. Two sweeps over rows, for the cache. */
static void nearest_in_columns(int32_t *rows, const uint8_t *site, hf_rect r, int width)
{
    for (int y = r.y0; y < r.y1; y++)
    for (int x = r.x0; x < r.x1; x++) {
        int64_t at = (int64_t)y * width + x;
        rows[at] = site[at] ? y : y > r.y0 ? rows[at - width] : NONE;
    }
    for (int y = r.y1 - 2; y >= r.y0; y--)
    for (int x = r.x0; x < r.x1; x++) {
        int64_t at = (int64_t)y * width + x;
        int32_t below = rows[at + width];
        if (below != NONE && (rows[at] == NONE || below - y < y - rows[at]))
            rows[at] = below;
    }
}

/* (x - i)^2 + g(i)^2 */
static inline int64_t parabola(const int32_t *row, int y, int i, int x)
{
    int64_t dx = x - i, dy = row[i] - y;
    return dx * dx + dy * dy;
}

/* First x at which the parabola of column b is lower than that of a < b. */
static int64_t overtakes(const int32_t *row, int y, int a, int b)
{
    int64_t ga = row[a] - y, gb = row[b] - y;
    int64_t above = (int64_t)b * b - (int64_t)a * a + gb * gb - ga * ga, below = 2 * (b - a);
    int64_t floor = above / below - (above % below < 0);
    return floor + 1;
}

/* column[k], from[k]: the k-th parabola of the envelope and the first x it rules. */
static int envelope(int32_t *column, int32_t *from, const int32_t *row, int y, hf_rect r)
{
    int n = 0;
    for (int x = r.x0; x < r.x1; x++) {
        if (row[x] == NONE)
            continue;
        while (n > 0 && parabola(row, y, column[n - 1], from[n - 1]) >
                            parabola(row, y, x, from[n - 1]))
            n--;
        int64_t start = n ? overtakes(row, y, column[n - 1], x) : r.x0;
        if (start >= r.x1)
            continue;
        column[n] = x;
        from[n++] = (int32_t)start;
    }
    return n;
}

void hf_nearest_site(int32_t *nearest, int32_t *rows, int32_t *line, const uint8_t *site,
                     hf_rect rect, int width)
{
    int32_t *column = line, *from = line + width;

    nearest_in_columns(rows, site, rect, width);
    for (int y = rect.y0; y < rect.y1; y++) {
        const int32_t *row = rows + (int64_t)y * width;
        int n = envelope(column, from, row, y, rect), k = 0;
        for (int x = rect.x0; x < rect.x1; x++) {
            while (k + 1 < n && from[k + 1] <= x)
                k++;
            nearest[(int64_t)y * width + x] =
                n ? (int32_t)((int64_t)row[column[k]] * width + column[k]) : -1;
        }
    }
}
