#!/usr/bin/env python3
"""Makes modules.txt from a JSON list of Kamailio's modules: generate.py kamailio_modules.json > modules.txt

Lines: m NAME | f NAME ARITIES ROUTES | p NAME TYPE DEFAULT | v NAME | t NAME | e NAME; all belong to the last m.
Routes: R request, F failure, O both replies, o and t one of them, B branch, L local, S onsend, E event,
b branch failure. An arity may end in +. A v ending in () takes something in parentheses.
"""
import json
import re
import sys

# Which module brings which class of transformations.
TRANSFORMATIONS = {
    "pv": """s.len s.int s.intv s.md5 s.sha1 s.sha256 s.sha384 s.sha512 s.tolower s.toupper s.numeric s.substr
      s.select s.selectws s.selectsw s.strip s.striptail s.stripto s.prefixes s.prefixes.quoted s.ftime
      s.replace s.rm s.rmws s.rmhdws s.rmhlws s.trim s.rtrim s.ltrim s.corehash s.unquote s.unbracket s.count
      s.after s.before s.rafter s.rbefore s.fmtlines s.fmtlinet s.charat s.byteat s.crc32 s.encode.hexa
      s.decode.hexa s.encode.7bit s.decode.7bit s.encode.base58 s.decode.base58 s.encode.base64
      s.decode.base64 s.encode.base64t s.decode.base64t s.encode.base64url s.decode.base64url
      s.encode.base64urlt s.decode.base64urlt s.escape.common s.unescape.common s.escape.crlf s.unescape.crlf
      s.escape.user s.unescape.user s.escape.param s.unescape.param s.escape.csv s.urlencode.param
      s.urldecode.param uri.user uri.host uri.domain uri.passwd uri.port uri.saor uri.suri uri.duri uri.params
      uri.param uri.rmparam uri.headers uri.transport uri.ttl uri.uparam uri.maddr uri.method uri.lr uri.r2
      uri.scheme uri.tosocket param.value param.in param.valueat param.name param.count nameaddr.name
      nameaddr.uri nameaddr.len tobody.uri tobody.tag tobody.user tobody.host tobody.params tobody.display
      line.count line.at line.sw urialias.encode urialias.decode val.n0 val.ne val.json val.jsonqe num.fdigit
      num.ldigit""",
    "textops": "re.subst",
    "sqlops": "sql.val sql.val.int sql.val.str",
    "msrp": """msrpuri.user msrpuri.host msrpuri.port msrpuri.proto msrpuri.session msrpuri.params
      msrpuri.userinfo""",
    "xhttp": "url.path url.querystring",
    "json": "json.parse json.parsex json.encode",
    "corex": "sock.host sock.port sock.proto sock.touri",
}

# What the core brings itself: functions with their numbers of arguments, and pseudo-variables.
CORE_FUNCTIONS = """forward:0,1,2 forward_udp:0,1,2 forward_tcp:0,1,2 forward_tls:0,1,2 forward_sctp:0,1,2 log:1,2
  error:2 exec:1 setflag:1 resetflag:1 isflagset:1 setavpflag:2 resetavpflag:2 isavpflagset:2 rewritehost:1
  sethost:1 seth:1 rewritehostport:1 sethostport:1 sethp:1 rewritehostporttrans:1 sethostporttrans:1 sethpt:1
  rewriteport:1 setport:1 setp:1 rewriteuser:1 setuser:1 setu:1 rewriteuserpass:1 setuserpass:1 setup:1
  rewriteuri:1 seturi:1 revert_uri:0 prefix:1 strip:1 strip_tail:1 userphone:0 remove_branch:0,1
  clear_branches:0 force_rport:0 add_rport:0 add_local_rport:0 force_tcp_alias:0,1 add_tcp_alias:0,1
  udp_mtu_try_proto:1 set_advertised_address:1 set_advertised_port:1 force_send_socket:1
  set_forward_no_connect:0 set_forward_close:0 set_reply_no_connect:0 set_reply_close:0 cfg_select:2
  cfg_reset:1""".split()
CORE_PVS = "env() envn() def() defn() defv() defs() iuid".split()
CORE_EVENTS = """core:worker-one-init core:msg-received core:pre-routing core:receive-parse-error core:tkv""".split()

# Loaded by 5.6.3, gone since.
OLD_MODULES = """app_java app_lua_sr app_mono app_sqlang auth_identity db_berkeley db_cassandra db_perlvdb osp
  print print_lib""".split()

# Event routes whose names the list has only in part.
EVENT_ROUTES = {
    "htable": ["htable:init", "htable:expired:*", "htable:reloaded:*"],
    "tm": ["tm:branch-failure:*"],
    "tcpops": ["tcp:closed", "tcp:timeout", "tcp:reset"],
    "rtp_media_server": ["rms:*"],
    "keepalive": ["keepalive:*"],
    "evrexec": ["evrexec:*"],
    "nats": ["nats:*"],
    "nsq": ["nsq:*"],
    "kazoo": ["kazoo:*"],
    "erlang": ["erlang:*"],
    "cnxcc": ["cnxcc:*"],
    "crypto": ["crypto:netio"],
    "http_async_client": ["http_async_client:callback"],
}


def functions(module):
    merged = {}
    for function in module["functions"]:
        if function["routes"] == "internal" or function["nparams"] == "NO_SCRIPT":
            continue
        arity = "0+" if function["nparams"] == "VAR_PARAM_NO" else function["nparams"]
        arities, routes = merged.setdefault(function["name"], ([], set()))
        arities.append(arity)
        routes.update(["any"] if function["routes"] == "any" else function["routes"])
    for name, (arities, routes) in sorted(merged.items()):
        spelled = "any" if "any" in routes else "".join(sorted(routes))
        yield f"f {name} {','.join(sorted(set(arities)))} {spelled}"


def main():
    modules = json.load(open(sys.argv[1], encoding="utf-8"))
    print("m core")
    for function in CORE_FUNCTIONS:
        name, arities = function.split(":")
        print(f"f {name} {arities} any")
    for pv in CORE_PVS:
        print(f"v {pv}")
    for event in CORE_EVENTS:
        print(f"e {event}")
    for name in sorted(set(modules) | set(OLD_MODULES)):
        print(f"m {name}")
        module = modules.get(name, {"functions": [], "params": [], "pvs": [], "event_routes": []})
        for line in functions(module):
            print(line)
        for param in sorted({p["name"]: p for p in module["params"]}.values(), key=lambda p: p["name"]):
            default = param["default"] if re.fullmatch(r"-?\d+", param["default"]) else ""
            print(f"p {param['name']} {param['type'].removesuffix('-func')} {default}".rstrip())
        for pv in sorted(set(module["pvs"])):
            print(f"v {pv}")
        for transformation in TRANSFORMATIONS.get(name, "").split():
            print(f"t {transformation}")
        events = {e.strip('"') for e in module["event_routes"]} | set(EVENT_ROUTES.get(name, []))
        for event in sorted(e for e in events if re.fullmatch(r"[a-z_0-9]+:[a-z0-9:*-]+", e)):
            print(f"e {event.rstrip(':') + ':*' if event.endswith(':') else event}")


main()
