/* interrupt.c - see interrupt.h. */
#include "src/cli/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t n_signals;

/* A second Ctrl-C is impatience. A second SIGTERM is not: a cluster sends it to every process of a job, and
 * `hfprop davis` hands on its own. */
static void on_signal(int number)
{
    if (number == SIGINT && ++n_signals > 1)
        _exit(130);
    if (n_signals == 0)
        n_signals = 1;
}

void hf_interrupt_install(void)
{
    /* SA_RESTART: FFmpeg's reads and writes must not see half a transfer. */
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

int hf_interrupted(void)
{
    return n_signals > 0;
}
