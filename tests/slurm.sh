#!/bin/sh
# slurm.sh [--hfprop PROGRAM] [--davis ROOT] [--keep] - samples/slurm under a real Slurm, one node killed in mid run.
#
# Starts munged, slurmctld and three slurmd on this machine (Debian: slurm-wlm, munge; as root), each node with one
# processor, in a temporary folder and on ports of their own, and submits 4 sequences in 3 parts. When the dearest
# part has written 5 masks, its node is killed with everything on it. Slurm finds it down and puts the part on another
# node; the scores follow. The results must be those of one machine, byte for byte.
# Takes about two minutes, most of it Slurm waiting for the lost node; not part of tests/run.sh.
set -u
cd "$(dirname "$0")/.." || exit 1
hfprop=build/hfprop
davis=../shared/data/davis
keep=
while [ $# -gt 0 ]; do
    case $1 in
    --hfprop) hfprop=$2; shift 2 ;;
    --davis) davis=$2; shift 2 ;;
    --keep) keep=1; shift ;;
    *) sed -n '2s/^# //p' "$0" >&2; exit 2 ;;
    esac
done
sequences=dog-agility,horsejump-low,motorbike,rollerblade

skip() { echo "skipped: $1"; echo "0 passed, 0 failed, 1 skipped"; exit 77; }
[ -x "$hfprop" ] || skip "no program at $hfprop, want --hfprop PROGRAM"
[ -d "$davis/JPEGImages/480p/dog-agility" ] || skip "no DAVIS tree at $davis, want --davis ROOT"
[ "$(id -u)" = 0 ] || skip "Slurm's daemons want root"
if ! command -v slurmctld >/dev/null || ! command -v slurmd >/dev/null || ! command -v munged >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurm-wlm munge >/dev/null 2>&1 ||
        skip "slurm-wlm and munge are not installed and cannot be"
fi
hfprop=$(readlink -f "$hfprop") davis=$(readlink -f "$davis")

dir=$(mktemp -d "${TMPDIR:-/tmp}/hfprop-slurm-XXXXXX")
chmod 755 "$dir"
pids=
n_passed=0 n_failed=0
start=$(date +%s)
say() { echo "$(($(date +%s) - start)) s: $*"; }
check() {
    what=$1
    shift
    if "$@"; then n_passed=$((n_passed + 1)); say "ok: $what"; else n_failed=$((n_failed + 1)); echo "FAIL: $what"; fi
}
stop() {
    scancel --state=PENDING --state=RUNNING --me 2>/dev/null
    for pid in $pids; do kill "$pid" 2>/dev/null; done
    sleep 1
    for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
    [ -n "$keep" ] && echo "kept: $dir" || rm -rf "$dir"
}
trap stop EXIT

# ---- the cluster ----

mkdir "$dir/state" "$dir/spool" "$dir/log" "$dir/munge"
chmod 700 "$dir/munge"
dd if=/dev/urandom of="$dir/munge/key" bs=1024 count=1 2>/dev/null
chmod 400 "$dir/munge/key"
chmod 755 "$dir/munge"
munged --foreground --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/pid" \
    --log-file="$dir/log/munged" --seed-file="$dir/munge/seed" >/dev/null 2>&1 &
pids="$pids $!"

host=$(hostname -s)
port=$((20000 + $$ % 20000))
cat >"$dir/slurm.conf" <<C
ClusterName=hfprop
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket,cred_expire=10
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmctldLogFile=$dir/log/slurmctld
SlurmdLogFile=$dir/log/slurmd-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,defer
SlurmdParameters=config_overrides
SlurmdTimeout=10
MessageTimeout=5
ReturnToService=2
MpiDefault=none
NodeName=node[1-3] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 3))] CPUs=1 RealMemory=2000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
C
export SLURM_CONF=$dir/slurm.conf
slurmctld -D -f "$SLURM_CONF" >"$dir/log/slurmctld.out" 2>&1 &
pids="$pids $!"
for i in 1 2 3; do
    mkdir "$dir/spool/node$i"
    slurmd -D -N node$i -f "$SLURM_CONF" >"$dir/log/slurmd-node$i.out" 2>&1 &
    eval "slurmd_$i=$!"
    pids="$pids $!"
done
# wait_until SECONDS command...
wait_until() {
    left=$(($1 * 5))
    shift
    until "$@" 2>/dev/null; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 0.2
    done
}
idle_nodes() { [ "$(sinfo -h -N -o '%t' | grep -c idle)" = 3 ]; }
if ! wait_until 60 idle_nodes; then
    sinfo -N
    tail -n 5 "$dir"/log/*
    echo "FAIL: the nodes do not come up"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
say "Slurm $(sinfo --version | cut -d' ' -f2) with 3 nodes is up"

# ---- the run on one machine ----

arguments="--year 2016 --split train --sequences $sequences"
$hfprop davis "$davis" -o "$dir/whole" $arguments -t 1 -q >"$dir/whole.txt" || check 'the run on one machine' false
say "the run on one machine is done"

# ---- the same on the cluster ----

export HFPROP="$hfprop" SBATCH_OPTIONS="--cpus-per-task=1 --mem-per-cpu=500M --output=$dir/log/job-%A_%a.txt --time=10"
set -- $(sh samples/slurm/submit.sh 3 "$davis" "$dir/results" $arguments)
parts=$1 scores=$2
say "parts are job $parts, scores are job $scores"

# The sequence that is worked on longest: its part is alone on its node.
victim=horsejump-low
has_masks() { [ -e "$dir/results/$victim/00004.png" ]; }
check "$victim is being done" wait_until 60 has_masks
run=$(grep -lz "$dir/results/[.]hfprop/$victim[.]run" /proc/[0-9]*/cmdline 2>/dev/null | head -n 1 | cut -d/ -f3)
job=$(tr '\0' '\n' <"/proc/$run/environ" | sed -n 's/^SLURM_JOB_ID=//p')
node=$(tr '\0' '\n' <"/proc/$run/environ" | sed -n 's/^SLURMD_NODENAME=//p')

# Everything of that node: its daemon, the keepers of its job's steps, and the job's processes.
eval "kill -KILL \$slurmd_${node#node}"
for step in $(grep -lz "slurmstepd: \[$job[.]" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3); do kill -KILL "$step"; done
for process in $(grep -lzx "SLURM_JOB_ID=$job" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3); do
    kill -KILL "$process" 2>/dev/null
done
killed_at=$(ls "$dir/results/$victim" | wc -l)
say "$node is killed (job $job), $victim has $killed_at of 60 masks"
check 'the node was killed in mid run' test "$killed_at" -lt 60

is_down() { sinfo -h -n "$node" -o '%t' | grep -q down; }
check "Slurm finds $node down" wait_until 90 is_down
is_over() { ! squeue -h -j "$parts,$scores" -o '%i' 2>/dev/null | grep -q .; }
check 'all parts and the scores come to their end' wait_until 240 is_over
check 'the lost part was begun again' test "$(scontrol show job "$job" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p')" -ge 1
check 'on another node' sh -c "! scontrol show job '$job' | grep -q 'NodeList=$node\$'"
check 'the results are those of one machine, byte for byte' diff -r -x .hfprop "$dir/whole" "$dir/results"
[ $n_failed = 0 ] || tail -n 5 "$dir"/log/job-*
cat "$dir/whole.txt"
echo "$n_passed passed, $n_failed failed, 0 skipped"
[ $n_failed = 0 ]
