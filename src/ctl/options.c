/* options.c - the command line of fairleadd; see options.h. */
#include "ctl/options.h"

#include <ctype.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_DIR "/run/fairlead"
#define SOCKET_SUFFIX ".sock"

static const char usage[] =
	"usage: fairleadd --config FILE [options]\n"
	"\n"
	"  --config FILE     what to run: see docs/configuration.md and examples/\n"
	"  --name NAME       name of this daemon, when several run side by side (default: fairlead);\n"
	"                    its sockets are " RUN_DIR "/NAME.sock and NAME-ro.sock\n"
	"  --rpc SOCKET      where to answer `fairlead` instead; the read-only twin is beside it\n"
	"  --take-over       take an uplink although the host's default route or your connection is on it: the\n"
	"                    host vNIC gets its addresses\n"
	"  --hugepages       let DPDK use hugepages (they must be reserved already)\n"
	"  --web off         no web server; there is none yet\n"
	"  --foreground      stay in the foreground; it always does\n"
	"  --help, --version\n"
	"\n"
	"Prints `ready` when traffic can flow. Ends by SIGTERM or SIGINT.\n";

static int
misuse(const char *what, const char *which)
{
	fprintf(stderr, "fairleadd: %s%s%s\nhint: fairleadd --help\n", what, which != NULL ? " " : "",
		which != NULL ? which : "");
	return 2;
}

static bool
valid_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > 30 || name[0] == '.')
		return false;
	for (; *name != '\0'; name++)
		if (!isalnum((unsigned char)*name) && strchr("-_.", *name) == NULL)
			return false;
	return true;
}

/* SOCKET as a directory and two names in it. */
static int
set_sockets(struct options *out, const char *socket)
{
	char dir[KEEP_PATH_MAX], base[KEEP_PATH_MAX];
	size_t n;

	if (strlen(socket) >= sizeof(dir) - strlen("-ro" SOCKET_SUFFIX))
		return misuse("path of the RPC socket is too long (sockets allow about 100 bytes):", socket);
	strcpy(dir, socket);
	strcpy(base, socket);
	snprintf(out->run_dir, sizeof(out->run_dir), "%s", dirname(dir));
	snprintf(out->rpc, sizeof(out->rpc), "%.50s", basename(base));
	n = strlen(out->rpc);
	if (n > strlen(SOCKET_SUFFIX) && strcmp(out->rpc + n - strlen(SOCKET_SUFFIX), SOCKET_SUFFIX) == 0)
		n -= strlen(SOCKET_SUFFIX);
	snprintf(out->rpc_read_only, sizeof(out->rpc_read_only), "%.*s-ro" SOCKET_SUFFIX, (int)n, out->rpc);
	return OPTIONS_RUN;
}

int
options_parse(struct options *out, int argc, char **argv)
{
	enum { CONFIG = 256, NAME, RPC, TAKE_OVER, HUGEPAGES, WEB, FOREGROUND, HELP, VERSION };
	static const struct option known[] = {
		{ "config", required_argument, NULL, CONFIG },   { "name", required_argument, NULL, NAME },
		{ "rpc", required_argument, NULL, RPC },         { "take-over", no_argument, NULL, TAKE_OVER },
		{ "hugepages", no_argument, NULL, HUGEPAGES },   { "web", required_argument, NULL, WEB },
		{ "foreground", no_argument, NULL, FOREGROUND }, { "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION },       { NULL },
	};
	char socket[KEEP_PATH_MAX + 32] = "";
	int opt;

	memset(out, 0, sizeof(*out));
	out->name = "fairlead";
	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (opt) {
		case CONFIG:
			out->keep.config_path = optarg;
			break;
		case NAME:
			if (!valid_name(optarg))
				return misuse("a name has up to 30 letters, digits, '-', '_', '.':", optarg);
			out->name = optarg;
			break;
		case RPC:
			snprintf(socket, sizeof(socket), "%s", optarg);
			break;
		case TAKE_OVER:
			out->take_over = true;
			break;
		case HUGEPAGES:
			out->hugepages = true;
			break;
		case WEB:
			if (strcmp(optarg, "off") != 0)
				return misuse("this version has no web server; --web takes off, not", optarg);
			break;
		case FOREGROUND:
			break;
		case HELP:
			fputs(usage, stdout);
			return 0;
		case VERSION:
			puts("fairleadd " FAIRLEAD_VERSION);
			return 0;
		default:
			return 2; /* getopt has said it */
		}
	}
	if (optind < argc)
		return misuse("unexpected argument", argv[optind]);
	if (out->keep.config_path == NULL)
		return misuse("--config FILE is missing", NULL);
	if (socket[0] == '\0')
		snprintf(socket, sizeof(socket), RUN_DIR "/%s" SOCKET_SUFFIX, out->name);
	out->keep.run_dir = out->run_dir;
	out->keep.stop_ms = KEEP_STOP_MS;
	return set_sockets(out, socket);
}
