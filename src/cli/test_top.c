/* test_top.c - models for tests; see test_top.h. */
#include <stdlib.h>
#include <string.h>

#include "cli/test_top.h"

void
take(struct top_model *m, enum top_part part, double s, const char *json)
{
	char *text = strdup(json);
	json_t *answer;

	for (char *p = text; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	answer = json_loads(text, JSON_DECODE_ANY, NULL);
	if (answer == NULL || top_model_take(m, part, answer, (uint64_t)(s * SECOND)) < 0) {
		fprintf(stderr, "no answer: %s\n", text);
		abort();
	}
	json_decref(answer);
	free(text);
}

void
take_small_host(struct top_model *m)
{
	static const char *const processors[] = {
		"[{'id':0,'cpu':0,'emulated':true,'busy_percent':0,'waiting_percent':0,'packets':0,'wakeups':0},"
		"{'id':1,'cpu':1,'emulated':true,'busy_percent':100,'waiting_percent':0,'packets':5,'wakeups':7},"
		"{'id':2,'cpu':0,'emulated':true,'busy_percent':0,'waiting_percent':0,'packets':0,'wakeups':0},"
		"{'id':3,'cpu':1,'emulated':true,'busy_percent':0,'waiting_percent':0,'packets':0,'wakeups':0}]",
		"[{'id':0,'cpu':0,'emulated':true,'busy_percent':0,'waiting_percent':0,'packets':0,'wakeups':0},"
		"{'id':1,'cpu':1,'emulated':true,'busy_percent':50,'waiting_percent':25,'packets':88005,'wakeups':19},"
		"{'id':2,'cpu':0,'emulated':true,'busy_percent':90,'waiting_percent':0,'packets':1200,'wakeups':0},"
		"{'id':3,'cpu':1,'emulated':true,'busy_percent':10,'waiting_percent':10,'packets':412,'wakeups':0}]",
	};
	static const char *const queues[] = {
		"[{'id':0,'vport':'wire','port':null,'index':0,'processor':1,'packets':1,'bytes':0,'drops':0,'moved':0}"
		","
		"{'id':2,'vport':'vm1','port':'vm1','index':0,'processor':1,'packets':0,'bytes':0,'drops':0,'moved':0},"
		"{'id':3,'vport':'vm2','port':'vm2','index':0,'processor':1,'packets':0,'bytes':0,'drops':0,'moved':0},"
		"{'id':4,'vport':'vm4','port':'vm4','index':0,'processor':3,'packets':0,'bytes':0,'drops':0,'moved':0},"
		"{'id':5,'vport':'vm4','port':'vm4','index':1,'processor':3,'packets':0,'bytes':0,'drops':0,'moved':0}"
		"]",
		"[{'id':0,'vport':'wire','port':null,'index':0,'processor':1,'packets':1,'bytes':0,'drops':0,'moved':0}"
		","
		"{'id':2,'vport':'vm1','port':'vm1','index':0,'processor':1,'packets':88000,'bytes':125000000,'drops':"
		"0,"
		"'moved':0},"
		"{'id':3,'vport':'vm2','port':'vm2','index':0,'processor':2,'packets':1200,'bytes':0,'drops':0,'moved':"
		"1},"
		"{'id':4,'vport':'vm4','port':'vm4','index':0,'processor':3,'packets':0,'bytes':0,'drops':0,'moved':0},"
		"{'id':5,'vport':'vm4','port':'vm4','index':1,'processor':3,'packets':412,'bytes':0,'drops':0,'moved':"
		"0}]",
	};
	static const char *const adapters[] = {
		"[{'name':'wire','mode':'vmq','state':'up','switch':'ext','queues':8,'queues_used':3,'rx_packets':0,"
		"'rx_bytes':0,'tx_packets':0,'tx_bytes':0,'drops':0}]",
		"[{'name':'wire','mode':'vmq','state':'up','switch':'ext','queues':8,'queues_used':3,'rx_packets':"
		"89612,"
		"'rx_bytes':125000000,'tx_packets':50,'tx_bytes':5000,'drops':0}]",
	};

	setenv("TZ", "UTC", 1);
	for (int s = 0; s < 2; s++) {
		take(m, TOP_PROCESSORS, s + 1, processors[s]);
		take(m, TOP_QUEUES, s + 1, queues[s]);
		take(m, TOP_ADAPTERS, s + 1, adapters[s]);
		take(m, TOP_DROPS, s + 1, s == 0 ? "[]" : "[{'port':'vm2','reason':'queue_full','count':12}]");
	}
	take(m, TOP_ADAPTER, 2, "{'name':'wire','front_end_thread':true,'front_end_percent':30,'dynamic':true}");
	take(m, TOP_PORTS, 2,
	     "[{'name':'vm1','switch':'ext'},{'name':'vm2','switch':'ext'},{'name':'vm4','switch':'ext'}]");
	take(m, TOP_MOVES, 2,
	     "[{'serial':7,'at':'2026-11-24T13:41:07.123Z','adapter':'wire','port':'vm2','queue':3,'index':0,'from':1,"
	     "'to':2,'why':'overload','means':'its processor had too much to do','from_before':97,'from_after':61,"
	     "'to_before':0,'to_after':36}]");
	take(m, TOP_BOOKS, 2, "{'offered':9,'copies':0,'delivered':6,'dropped':0,'held':3,'balanced':true}");
}

void
take_large_host(struct top_model *m, unsigned processors, unsigned queues)
{
	if (processors == 0)
		abort();
	for (int s = 1; s <= 2; s++) {
		json_t *p = json_array(), *q = json_array();

		for (unsigned i = 0; i < processors; i++)
			json_array_append_new(p, json_pack("{s:i, s:i, s:i, s:i}", "id", (int)i, "cpu", (int)i,
							   "busy_percent", (int)(i * 7 % 101), "packets", s * (int)i));
		for (unsigned i = 0; i < queues; i++) {
			char name[16];

			snprintf(name, sizeof(name), "vm%u", i);
			json_array_append_new(q, json_pack("{s:i, s:s, s:s, s:i, s:i, s:i}", "id", (int)i, "vport",
							   name, "port", name, "index", 0, "processor",
							   (int)(i % processors), "packets", s * (int)i * 10));
		}
		if (top_model_take(m, TOP_PROCESSORS, p, (uint64_t)s * SECOND) < 0 ||
		    top_model_take(m, TOP_QUEUES, q, (uint64_t)s * SECOND) < 0)
			abort();
		json_decref(p);
		json_decref(q);
	}
}

char *
text_of(const struct canvas *c)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	canvas_print(c, out);
	fclose(out);
	return text;
}
