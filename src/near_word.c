/* near_word.c - see near_word.h. */
#include "src/near_word.h"

#include <string.h>

#define MAX_WORD 64

/* Edits (insert, delete, replace, swap neighbours) between two short words. */
static int word_distance(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b);
    int d[MAX_WORD + 1][MAX_WORD + 1];
    if (n > MAX_WORD || m > MAX_WORD)
        return MAX_WORD;
    for (int i = 0; i <= n; i++)
        for (int j = 0; j <= m; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

int hf_word_resembles(const char *typed, const char *name, int *distance)
{
    *distance = word_distance(typed, name);
    if (strlen(typed) >= 2 && strncmp(typed, name, strlen(typed)) == 0)
        return 1;
    return *distance <= (strlen(typed) > 4 ? 2 : 1);
}
