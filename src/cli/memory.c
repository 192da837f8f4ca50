/* memory.c - see memory.h. Linux tells the machine's memory in /proc/meminfo and a container's in /sys/fs/cgroup. */
#include "src/cli/memory.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hf_memory_parse(int64_t *bytes, const char *text, const char *name, hf_error *err)
{
    static const char units[] = "KMGT";
    char *end;
    double value = strtod(text, &end);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;

    if (unit) {
        value *= ldexp(1, 10 * (int)(unit - units + 1));
        end += 1 + (end[1] == 'B' || end[1] == 'b');
    }
    if (end == text || *end || !(value >= 1 && value < 1e18) || !isdigit((unsigned char)text[0]))
        return hf_fail(err, HF_EARG, "%s: \"%s\" is not a size, want one such as 500M or 8G", name, text);
    *bytes = (int64_t)value;
    return HF_OK;
}

static int64_t available(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    char line[256];
    long long kilobytes = -1;

    if (!file)
        return -1;
    while (kilobytes < 0 && fgets(line, sizeof(line), file))
        if (sscanf(line, "MemAvailable: %lld kB", &kilobytes) != 1)
            kilobytes = -1;
    fclose(file);
    return kilobytes < 0 ? -1 : kilobytes * 1024;
}

/* The number in FOLDER/NAME; -1 if there is none ("max"). */
static int64_t read_number(const char *folder, const char *name)
{
    char path[PATH_MAX + 32];
    long long value = -1;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "r");

    if (file) {
        if (fscanf(file, "%lld", &value) != 1)
            value = -1;
        fclose(file);
    }
    return value;
}

/* What a group holds and could not give back at once: files that were read and are not in use do not count. */
static int64_t used_by(const char *folder)
{
    char path[PATH_MAX + 32], line[256];
    long long idle = 0, used = read_number(folder, "memory.current");
    snprintf(path, sizeof(path), "%s/memory.stat", folder);
    FILE *file = fopen(path, "r");

    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "inactive_file %lld", &idle) == 1)
            break;
    if (file)
        fclose(file);
    return used > idle ? used - idle : used;
}

/* The least that the control groups (version 2) from ours up to the root leave; -1: no limit. */
static int64_t left_in_groups(void)
{
    FILE *file = fopen("/proc/self/cgroup", "r");
    char line[PATH_MAX - 64], folder[PATH_MAX] = "";
    int64_t least = -1;

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "0::/", 4) == 0) {
            line[strcspn(line, "\n")] = 0;
            snprintf(folder, sizeof(folder), "/sys/fs/cgroup%s", line + 3);
        }
    if (file)
        fclose(file);
    for (char *slash; *folder; *slash = 0) {
        int64_t limit = read_number(folder, "memory.max"), used = used_by(folder);
        if (limit >= 0 && used >= 0 && (least < 0 || limit - used < least))
            least = limit > used ? limit - used : 0;
        slash = strrchr(folder, '/');
        if (strcmp(slash, "/cgroup") == 0)
            break;
    }
    return least;
}

int64_t hf_memory_free(void)
{
    int64_t machine = available(), groups = left_in_groups();
    return groups >= 0 && (machine < 0 || groups < machine) ? groups : machine;
}
