/*
 * peer: generic vfio-user protocol benchmark/probe client.
 * Pure sockets, no libvfio-user.  Build: cc -O2 -o peer peer.c -lpthread
 *
 *  peer [opts] info   SOCK                        negotiate, dump device/regions/irqs
 *  peer [opts] read   SOCK REGION OFF SIZE COUNT  REGION_READ round trips
 *  peer [opts] write  SOCK REGION OFF SIZE COUNT  REGION_WRITE round trips
 *  peer [opts] post   SOCK REGION OFF SIZE COUNT  REGION_WRITE No_reply burst, closed by one read
 *  peer [opts] pipe   SOCK REGION OFF SIZE COUNT  pipelined REGION_READ (-d depth)
 *  peer [opts] dma    SOCK COUNT [SIZE]           DMA_MAP(+fd) then DMA_UNMAP pairs
 *  peer [opts] dmamap SOCK COUNT [SIZE]           COUNT maps, then COUNT unmaps (table grows)
 *  peer [opts] irq    SOCK INDEX SUB COUNT        SET_IRQS trigger -> eventfd latency
 *  peer [opts] conn   SOCK COUNT                  connect+negotiate+close
 *  peer [opts] start  SOCK COUNT -- CMD ARGS...   spawn server, time to first negotiate (unlinks SOCK)
 *  peer [opts] ping   COUNT [REQ REPLY]           raw AF_UNIX floor (forks an echo peer)
 *  opts: -b busy-poll receive   -c CPU pin client   -C CPU pin peer (ping/start)  -d DEPTH  -w WARMUP  -q json line
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <errno.h>
#include <unistd.h>
#include <time.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/mman.h>
#include <sys/eventfd.h>

struct hdr { uint16_t id, cmd; uint32_t size, flags, err; } __attribute__((packed));
struct ra  { uint64_t off; uint32_t region, count; } __attribute__((packed));
enum { VERSION = 1, DMA_MAP, DMA_UNMAP, GET_INFO, GET_REGION_INFO, GET_IO_FDS, GET_IRQ_INFO, SET_IRQS, REGION_READ, REGION_WRITE };

static int busy, mycpu = -1, peercpu = -1, depth = 32, warm = 1000, quiet;
static uint16_t next_id = 1;
static char caps_reply[65536];

static uint64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }
static void die(const char *m) { fprintf(stderr, "peer: %s: %s\n", m, strerror(errno)); exit(1); }
static void pin(int cpu) { if (cpu < 0) return; cpu_set_t s; CPU_ZERO(&s); CPU_SET(cpu, &s); if (sched_setaffinity(0, sizeof s, &s)) die("sched_setaffinity"); }

static int try_connect(const char *p)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0) die("socket");
    snprintf(a.sun_path, sizeof a.sun_path, "%s", p);
    if (connect(s, (void *)&a, sizeof a)) { int e = errno; close(s); errno = e; return -1; }
    return s;
}

static ssize_t rx_some(int s, void *b, size_t n, int *fds, int *nfds)
{
    struct iovec io = { b, n };
    char cb[CMSG_SPACE(64 * sizeof(int))];
    struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };
    if (nfds) { m.msg_control = cb; m.msg_controllen = sizeof cb; }
    ssize_t r;
    do { r = nfds ? recvmsg(s, &m, (busy ? MSG_DONTWAIT : 0) | MSG_CMSG_CLOEXEC) : recv(s, b, n, busy ? MSG_DONTWAIT : 0); }
    while (r < 0 && (errno == EINTR || (busy && errno == EAGAIN)));
    if (r > 0 && nfds)
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
                int k = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (int i = 0; i < k; i++) { int fd; memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd); fds[(*nfds)++] = fd; }
            }
    return r;
}
static int rx(int s, void *b, size_t n, int *fds, int *nfds)
{
    size_t got = 0;
    while (got < n) { ssize_t r = rx_some(s, (char *)b + got, n - got, fds, nfds); if (r == 0) { errno = ECONNRESET; return -1; } if (r < 0) return -1; got += r; }
    return 0;
}
static int tx(int s, struct iovec *io, int nio, const int *fds, int nfds)
{
    char cb[CMSG_SPACE(64 * sizeof(int))];
    struct msghdr m = { .msg_iov = io, .msg_iovlen = nio };
    if (nfds) {
        memset(cb, 0, sizeof cb);
        m.msg_control = cb; m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET; c->cmsg_type = SCM_RIGHTS; c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
    }
    size_t tot = 0; for (int i = 0; i < nio; i++) tot += io[i].iov_len;
    while (tot) {
        ssize_t r = sendmsg(s, &m, MSG_NOSIGNAL);
        if (r < 0) { if (errno == EINTR) continue; return -1; }
        tot -= r; m.msg_control = NULL; m.msg_controllen = 0;
        while (r > 0 && m.msg_iovlen) { size_t l = m.msg_iov->iov_len; if ((size_t)r >= l) { r -= l; m.msg_iov++; m.msg_iovlen--; } else { m.msg_iov->iov_base = (char *)m.msg_iov->iov_base + r; m.msg_iov->iov_len -= r; r = 0; } }
    }
    return 0;
}
/* send one command */
static int cmd(int s, uint16_t c, uint32_t flags, const void *a, size_t an, const void *b, size_t bn, const int *fds, int nfds)
{
    struct hdr h = { next_id++, c, sizeof h + an + bn, flags, 0 };
    struct iovec io[3] = { { &h, sizeof h }, { (void *)a, an }, { (void *)b, bn } };
    return tx(s, io, bn ? 3 : an ? 2 : 1, fds, nfds);
}
/* receive one reply; returns 0 or the errno in it; -1 on transport failure */
static char rbuf[4 << 20];
static size_t rlen;
static int reply(int s, int *fds, int *nfds)
{
    struct hdr h;
    if (rx(s, &h, sizeof h, fds, nfds)) return -1;
    if (h.size < sizeof h || h.size - sizeof h > sizeof rbuf) { errno = EPROTO; return -1; }
    rlen = h.size - sizeof h;
    if (rlen && rx(s, rbuf, rlen, fds, nfds)) return -1;
    if ((h.flags & 0xf) != 1) { errno = EPROTO; return -1; }
    if (h.flags & 0x20) return h.err ? (int)h.err : EIO;
    return 0;
}
static int negotiate(int s)
{
    static const char js[] = "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576,\"migration\":{\"pgsize\":4096}}}";
    uint16_t v[2] = { 0, 1 };
    if (cmd(s, VERSION, 0, v, sizeof v, js, sizeof js, NULL, 0)) return -1;
    int r = reply(s, NULL, NULL);
    if (r) return r;
    if (rlen >= 4) { memcpy(caps_reply, rbuf + 4, rlen - 4 < sizeof caps_reply ? rlen - 4 : sizeof caps_reply - 1); }
    return 0;
}
static int open_dev(const char *p)
{
    int s = try_connect(p); if (s < 0) die(p);
    int r = negotiate(s); if (r) { errno = r < 0 ? errno : r; die("negotiate"); }
    return s;
}
static int cmpu(const void *a, const void *b) { uint64_t x = *(uint64_t *)a, y = *(uint64_t *)b; return x < y ? -1 : x > y; }
static void report(const char *what, uint64_t *v, size_t n, uint64_t total)
{
    qsort(v, n, sizeof *v, cmpu);
    double s = total / 1e9;
#define P(q) (v[(size_t)((n - 1) * (q))] / 1e3)
    if (quiet)
        printf("{\"bench\":\"%s\",\"n\":%zu,\"ops_s\":%.0f,\"min_us\":%.2f,\"p50_us\":%.2f,\"p90_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,\"max_us\":%.2f}\n", what, n, n / s, P(0), P(.5), P(.9), P(.99), P(.999), P(1));
    else
        printf("%-10s n=%zu %9.0f ops/s  min %.2f  p50 %.2f  p90 %.2f  p99 %.2f  p99.9 %.2f  max %.2f us\n", what, n, n / s, P(0), P(.5), P(.9), P(.99), P(.999), P(1));
}
static uint64_t *alloc(size_t n) { uint64_t *v = malloc(n * sizeof *v); if (!v) die("malloc"); memset(v, 0, n * sizeof *v); return v; }

static void bench_rw(const char *p, int wr, int region, uint64_t off, uint32_t size, size_t n)
{
    int s = open_dev(p);
    struct ra ra = { off, region, size };
    char *data = malloc(size + 1); memset(data, 0xa5, size + 1);
    uint64_t *v = alloc(n), t0 = 0;
    for (size_t i = 0; i < n + warm; i++) {
        if (i == (size_t)warm) t0 = now();
        uint64_t a = now();
        if (cmd(s, wr ? REGION_WRITE : REGION_READ, 0, &ra, sizeof ra, wr ? data : NULL, wr ? size : 0, NULL, 0)) die("send");
        int r = reply(s, NULL, NULL);
        if (r) { errno = r < 0 ? errno : r; die("reply"); }
        if (!wr && rlen != sizeof ra + size) { errno = EPROTO; die("bad read length"); }
        if (i >= (size_t)warm) v[i - warm] = now() - a;
    }
    report(wr ? "write" : "read", v, n, now() - t0);
}
static void bench_post(const char *p, int region, uint64_t off, uint32_t size, size_t n)
{
    int s = open_dev(p);
    struct ra ra = { off, region, size }, rr = { off, region, 4 };
    char *data = malloc(size); memset(data, 0x5a, size);
    uint64_t t0 = now();
    for (size_t i = 0; i < n; i++) if (cmd(s, REGION_WRITE, 0x10, &ra, sizeof ra, data, size, NULL, 0)) die("send");
    if (cmd(s, REGION_READ, 0, &rr, sizeof rr, NULL, 0, NULL, 0)) die("send");
    int r = reply(s, NULL, NULL); if (r) { errno = r < 0 ? errno : r; die("reply"); }
    uint64_t t = now() - t0;
    printf("post       n=%zu %9.0f ops/s (No_reply writes, closed by one read)\n", n, n / (t / 1e9));
}
static void bench_pipe(const char *p, int region, uint64_t off, uint32_t size, size_t n)
{
    int s = open_dev(p);
    struct ra ra = { off, region, size };
    size_t sent = 0, got = 0; uint64_t t0 = now();
    while (got < n) {
        while (sent < n && sent - got < (size_t)depth) { if (cmd(s, REGION_READ, 0, &ra, sizeof ra, NULL, 0, NULL, 0)) die("send"); sent++; }
        int r = reply(s, NULL, NULL); if (r) { errno = r < 0 ? errno : r; die("reply"); }
        got++;
    }
    uint64_t t = now() - t0;
    printf("pipe       n=%zu depth=%d %9.0f ops/s\n", n, depth, n / (t / 1e9));
}
struct dmap { uint32_t argsz, flags; uint64_t offset, addr, size; } __attribute__((packed));
struct dunm { uint32_t argsz, flags; uint64_t addr, size; } __attribute__((packed));
static void do_map(int s, int fd, uint64_t addr, uint64_t size, uint64_t off)
{
    struct dmap m = { sizeof m, 3, off, addr, size };
    if (cmd(s, DMA_MAP, 0, &m, sizeof m, NULL, 0, fd >= 0 ? &fd : NULL, fd >= 0)) die("send map");
    int r = reply(s, NULL, NULL); if (r) { errno = r < 0 ? errno : r; die("DMA_MAP"); }
}
static void do_unmap(int s, uint64_t addr, uint64_t size, uint32_t flags)
{
    struct dunm u = { sizeof u, flags, addr, size };
    if (cmd(s, DMA_UNMAP, 0, &u, sizeof u, NULL, 0, NULL, 0)) die("send unmap");
    int r = reply(s, NULL, NULL); if (r) { errno = r < 0 ? errno : r; die("DMA_UNMAP"); }
}
static void bench_dma(const char *p, size_t n, uint64_t size, int grow)
{
    int s = open_dev(p), fd = memfd_create("bench-dma", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, size)) die("memfd");
    uint64_t *v = alloc(n), *w = alloc(n), t0 = now(), a, tm;
    if (!grow) {
        for (size_t i = 0; i < n; i++) {
            a = now(); do_map(s, fd, 0x100000000ull, size, 0); v[i] = now() - a;
            a = now(); do_unmap(s, 0x100000000ull, size, 0); w[i] = now() - a;
        }
        uint64_t t = now() - t0;
        report("map", v, n, t); report("unmap", w, n, t);
        printf("pairs      %9.0f map+unmap pairs/s\n", n / (t / 1e9));
    } else {
        for (size_t i = 0; i < n; i++) { a = now(); do_map(s, fd, 0x100000000ull + i * size, size, 0); v[i] = now() - a; }
        tm = now() - t0; report("map-grow", v, n, tm);
        t0 = now();
        for (size_t i = 0; i < n; i++) { a = now(); do_unmap(s, 0x100000000ull + i * size, size, 0); w[i] = now() - a; }
        report("unmap-grow", w, n, now() - t0);
    }
}
static void bench_irq(const char *p, uint32_t index, uint32_t sub, size_t n)
{
    int s = open_dev(p), efd = eventfd(0, EFD_CLOEXEC | (busy ? EFD_NONBLOCK : 0));
    uint32_t q[5] = { 20, 0x24, index, sub, 1 };
    if (cmd(s, SET_IRQS, 0, q, sizeof q, NULL, 0, &efd, 1)) die("send");
    int r = reply(s, NULL, NULL); if (r) { errno = r < 0 ? errno : r; die("SET_IRQS eventfd"); }
    q[1] = 0x21;
    uint64_t *v = alloc(n), t0 = now(), x;
    for (size_t i = 0; i < n; i++) {
        uint64_t a = now();
        if (cmd(s, SET_IRQS, 0x10, q, sizeof q, NULL, 0, NULL, 0)) die("send");
        while (read(efd, &x, 8) != 8) if (errno != EAGAIN && errno != EINTR) die("eventfd");
        v[i] = now() - a;
    }
    report("irq", v, n, now() - t0);
}
static void bench_conn(const char *p, size_t n)
{
    uint64_t *v = alloc(n), t0 = now();
    for (size_t i = 0; i < n; i++) {
        uint64_t a = now(); int s, tries = 0;
        while ((s = try_connect(p)) < 0) { if ((errno != ECONNREFUSED && errno != EAGAIN && errno != ENOENT) || ++tries > 100000) die("connect"); usleep(20); }
        int r = negotiate(s); if (r) { errno = r < 0 ? errno : r; die("negotiate"); }
        v[i] = now() - a; close(s);
    }
    report("conn", v, n, now() - t0);
}
static void bench_start(const char *p, size_t n, char **argv)
{
    uint64_t *v = alloc(n), tot = 0;
    for (size_t i = 0; i < n; i++) {
        unlink(p);
        uint64_t a = now();
        pid_t pid = fork();
        if (pid == 0) { pin(peercpu); execvp(argv[0], argv); die("exec"); }
        int s; while ((s = try_connect(p)) < 0) { if (now() - a > 60000000000ull) die("server did not come up"); usleep(50); }
        int r = negotiate(s); if (r) { errno = r < 0 ? errno : r; die("negotiate"); }
        v[i] = now() - a; tot += v[i]; close(s);
        kill(pid, SIGTERM); int st, w = 0;
        while (waitpid(pid, &st, WNOHANG) == 0) { usleep(1000); if (++w == 2000) kill(pid, SIGKILL); }
    }
    report("start", v, n, tot);
}
static void bench_ping(size_t n, size_t rq, size_t rp)
{
    int sp[2]; if (socketpair(AF_UNIX, SOCK_STREAM, 0, sp)) die("socketpair");
    char *b = calloc(1, rq > rp ? rq : rp);
    pid_t pid = fork();
    if (pid == 0) {
        pin(peercpu); close(sp[0]);
        for (;;) { if (rx(sp[1], b, rq, NULL, NULL)) _exit(0); if (send(sp[1], b, rp, MSG_NOSIGNAL) != (ssize_t)rp) _exit(0); }
    }
    close(sp[1]);
    uint64_t *v = alloc(n), t0 = 0;
    for (size_t i = 0; i < n + warm; i++) {
        if (i == (size_t)warm) t0 = now();
        uint64_t a = now();
        if (send(sp[0], b, rq, MSG_NOSIGNAL) != (ssize_t)rq) die("send");
        if (rx(sp[0], b, rp, NULL, NULL)) die("recv");
        if (i >= (size_t)warm) v[i - warm] = now() - a;
    }
    uint64_t t = now() - t0; close(sp[0]); waitpid(pid, NULL, 0);
    report(busy ? "ping-busy" : "ping", v, n, t);
}
static void info(const char *p)
{
    int s = open_dev(p), fds[64], nf = 0;
    printf("caps: %s\n", caps_reply);
    uint32_t di[4] = { 16 };
    cmd(s, GET_INFO, 0, di, 16, NULL, 0, NULL, 0);
    int r = reply(s, NULL, NULL); if (r) { errno = r < 0 ? errno : r; die("GET_INFO"); }
    memcpy(di, rbuf, 16); printf("device: argsz %u flags %#x regions %u irqs %u\n", di[0], di[1], di[2], di[3]);
    for (uint32_t i = 0; i < di[2]; i++) {
        char q[4096] = { 0 }; uint32_t az = 32;
        for (int k = 0; k < 2; k++) {
            nf = 0; memset(q, 0, 32); memcpy(q, &az, 4); memcpy(q + 8, &i, 4);
            cmd(s, GET_REGION_INFO, 0, q, 32, NULL, 0, NULL, 0);
            r = reply(s, fds, &nf); if (r) { printf("region %u: errno %d\n", i, r); break; }
            uint32_t need; memcpy(&need, rbuf, 4); if (need <= az) break; az = need;
        }
        if (r) continue;
        uint32_t f[4]; uint64_t so[2]; memcpy(f, rbuf, 16); memcpy(so, rbuf + 16, 16);
        printf("region %u: argsz %u flags %#x cap_offset %u size %#llx offset %#llx fds %d\n", i, f[0], f[1], f[3], (unsigned long long)so[0], (unsigned long long)so[1], nf);
        for (uint32_t c = (f[1] & 8) ? f[3] : 0, g = 0; c && c + 8 <= rlen && g < 16; g++) {
            uint16_t id; uint32_t nx, na; memcpy(&id, rbuf + c, 2); memcpy(&nx, rbuf + c + 4, 4); printf("  cap id %u", id);
            if (id == 1) { memcpy(&na, rbuf + c + 8, 4); for (uint32_t j = 0; j < na; j++) { uint64_t ar[2]; memcpy(ar, rbuf + c + 16 + j * 16, 16); printf(" [%#llx+%#llx]", (unsigned long long)ar[0], (unsigned long long)ar[1]); } }
            printf("\n"); c = nx;
        }
        while (nf) close(fds[--nf]);
    }
    for (uint32_t i = 0; i < di[3]; i++) {
        uint32_t q[4] = { 16, 0, i, 0 }; cmd(s, GET_IRQ_INFO, 0, q, 16, NULL, 0, NULL, 0);
        r = reply(s, NULL, NULL); if (r) { printf("irq %u: errno %d\n", i, r); continue; }
        memcpy(q, rbuf, 16); printf("irq %u: flags %#x count %u\n", i, q[1], q[3]);
    }
}
int main(int argc, char **argv)
{
    int o;
    while ((o = getopt(argc, argv, "+bc:C:d:w:q")) != -1) switch (o) {
        case 'b': busy = 1; break; case 'c': mycpu = atoi(optarg); break; case 'C': peercpu = atoi(optarg); break;
        case 'd': depth = atoi(optarg); break; case 'w': warm = atoi(optarg); break; case 'q': quiet = 1; break; default: return 2; }
    argv += optind; argc -= optind; pin(mycpu);
#define N(i) strtoull(argv[i], NULL, 0)
    if (argc < 2) { fprintf(stderr, "usage: see head of source\n"); return 2; }
    if (!strcmp(argv[0], "info")) info(argv[1]);
    else if (!strcmp(argv[0], "read") && argc == 6) bench_rw(argv[1], 0, N(2), N(3), N(4), N(5));
    else if (!strcmp(argv[0], "write") && argc == 6) bench_rw(argv[1], 1, N(2), N(3), N(4), N(5));
    else if (!strcmp(argv[0], "post") && argc == 6) bench_post(argv[1], N(2), N(3), N(4), N(5));
    else if (!strcmp(argv[0], "pipe") && argc == 6) bench_pipe(argv[1], N(2), N(3), N(4), N(5));
    else if (!strcmp(argv[0], "dma") && argc >= 3) bench_dma(argv[1], N(2), argc > 3 ? N(3) : 4096, 0);
    else if (!strcmp(argv[0], "dmamap") && argc >= 3) bench_dma(argv[1], N(2), argc > 3 ? N(3) : 4096, 1);
    else if (!strcmp(argv[0], "irq") && argc == 5) bench_irq(argv[1], N(2), N(3), N(4));
    else if (!strcmp(argv[0], "conn") && argc == 3) bench_conn(argv[1], N(2));
    else if (!strcmp(argv[0], "start") && argc >= 4) bench_start(argv[1], N(2), argv + 3 + (strcmp(argv[3], "--") == 0));
    else if (!strcmp(argv[0], "ping")) bench_ping(N(1), argc > 2 ? N(2) : 32, argc > 3 ? N(3) : 36);
    else { fprintf(stderr, "bad arguments; see head of source\n"); return 2; }
    return 0;
}
