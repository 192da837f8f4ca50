/* points.h - a list of points of a picture, as typed or from a file.
 *
 *     "120,80;33.5,9"     as typed: x,y separated by semicolons
 *     FILE.json           [[120, 80], [33.5, 9]], or {"points": [...]}
 *     FILE.npy            an array [n,2]
 *     any other file      a point a line: x and y, separated by a comma, semicolon or spaces; '#' starts a comment
 */
#ifndef HF_IO_POINTS_H
#define HF_IO_POINTS_H

#include "src/error.h"

#define HF_POINTS_MAX 100000

/*
 * *xy: [n,2], to be freed by the caller; NULL on failure. Every number is finite.
 * HF_EARG: what was typed is neither points nor a file, or holds something that is no number. HF_EIO,
 * HF_EFORMAT (with line, or entry), HF_ENOMEM for files. No points at all is refused too.
 */
int hf_points_read(double **xy, int *n, const char *spec, hf_error *err);

#endif
