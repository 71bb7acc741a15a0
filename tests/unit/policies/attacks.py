"""What hostile policies and inputs try, as a table: written down before the engine was asked.

A policy attack is the body of a rule that runs when the input says so; `got` is what it would give away. `{port}`
is a listening socket, `{canary}` a file with a secret, `{pid}` the process that asks.
"""

BIG = "numbers.range(1, 30000)"
LOOP = f"count([1 | some x in {BIG}; some y in {BIG}; x * y == 7])"

STALLS = {
    "a loop over a product": f"got := {LOOP}",
    "every over every": f"every x in {BIG} {{ every y in {BIG} {{ x + y > 0 }} }}\n\tgot := 1",
    "a comprehension in a comprehension": f"got := [[x, y] | some x in {BIG}; some y in [z | some z in {BIG}]]",
    "a hundred million numbers": "got := count(numbers.range(1, 100000000))",
    "a string of many parts": 'got := concat("", [s | some _ in numbers.range(1, 60000000); s := "xxxxxxxxxxxxxxxx"])',
    "replacements that grow": "a := {chain:replace}\n\tgot := count(a)",
    "hex of hex of hex": "a := {chain:hex}\n\tgot := count(a)",
    "base64 of base64": "a := {chain:base64}\n\tgot := count(a)",
    "sprintf with widths": 'got := count([s | some _ in numbers.range(1, 9000); s := sprintf("%999999d", [1])])',
    "a template that loops": 'got := count(strings.render_template("{{range .a}}{{range $.a}}{{range $.a}}x{{end}}'
    '{{end}}{{end}}", {"a": numbers.range(1, 3000)}))',
    "every address of a /4": 'got := count(net.cidr_expand("16.0.0.0/4"))',
    "a number of ten billion bits": "got := bits.lsh(1, 10000000000)",
    "a number of a hundred billion bits": "got := bits.lsh(1, 100000000000)",
    "a number squared again and again": "a0 := 99999999999\n\t{squares}\n\tgot := a40",
    "products of products": f"got := count([z | some a in {BIG}; some b in {BIG}; some c in {BIG}; z := a * b * c])",
    "every way through a graph": "g := {x: [y | some y in numbers.range(1, 28); y > x] | some x in "
    "numbers.range(1, 28)}\n\tgot := count(graph.reachable_paths(g, {1}))",
    "walks within walks": f"d := {{x: {{y: x}} | some x in numbers.range(1, 3000); some y in [x]}}\n\t"
    f"got := count([1 | walk(d, [p, _]); walk(d, [q, _]); p == q; some z in {BIG}; z == 0])",
    "aliases of aliases in YAML": "got := yaml.unmarshal({bomb:yaml})",
    "signatures to check": f"got := count([1 | some x in {BIG}; some y in {BIG}; "
    'not io.jwt.verify_hs256("e30.e30.c2ln", sprintf("%d%d", [x, y]))])',
    "hashes of hashes": f"got := count([h | some x in {BIG}; some y in {BIG}; "
    'h := crypto.sha256(sprintf("%d%d", [x, y]))])',
    "a flood of prints": "some x in numbers.range(1, 100000000)\n\tprint(x, x, x)\n\tx < 0\n\tgot := 1",
    "a flood of traces": 'some x in numbers.range(1, 100000000)\n\ttrace(sprintf("%d", [x]))\n\tx < 0\n\tgot := 1',
    "a patch that copies itself": 'p := [{"op": "copy", "from": "/a", "path": sprintf("/b%d", [x])} | '
    'some x in numbers.range(1, 5000000)]\n\tgot := count(json.patch({"a": {"b": "c"}}, p))',
}
"""Would take for ever or all memory: the child is killed, refuses, or is quick for once; never late."""

READS = {
    "an HTTP request": 'got := http.send({"method": "get", "url": "http://127.0.0.1:{port}/", "raise_error": false})',
    "a request with a redirect": 'got := http.send({"method": "get", "url": "http://127.0.0.1:{port}/", '
    '"enable_redirect": true, "raise_error": false, "timeout": "2s"})',
    "a request that reads a file for TLS": 'got := http.send({"method": "get", "url": "https://127.0.0.1:{port}/", '
    '"tls_ca_cert_file": "{canary}", "raise_error": false})',
    "a request with the environment for TLS": 'got := http.send({"method": "get", "url": "https://127.0.0.1:{port}/", '
    '"tls_client_cert_env_variable": "INTERLOCK_TEST_SECRET", "tls_client_key_env_variable": "INTERLOCK_TEST_SECRET",'
    ' "raise_error": false})',
    "a request to a Unix socket": 'got := http.send({"method": "get", "url": "unix://localhost{canary}", '
    '"raise_error": false})',
    "a look-up of a name": 'got := net.lookup_ip_addr("localhost")',
    "a schema by file": 'got := json.match_schema({}, {"$ref": "file://{canary}"})',
    "a schema by file of the parent": 'got := json.match_schema({}, {"$ref": "file:///proc/{pid}/environ"})',
    "a schema by address": 'got := json.match_schema({}, {"$ref": "http://127.0.0.1:{port}/schema.json"})',
    "a schema of the input": "got := json.verify_schema(input.schema)",
    "a GraphQL schema": 'got := graphql.schema_is_valid("{canary}")',
    "the environment": "got := opa.runtime()",
    "the environment by another name": 'got := opa["runtime"]()',
    "another builtin in its place": 'got := json.marshal({"method": "get", "url": "http://127.0.0.1:{port}/"}) '
    "with json.marshal as http.send",
    "a module that is parsed": 'got := rego.parse_module("{canary}", "package x")',
    "its own metadata": "got := rego.metadata.chain()",
    "a certificate by file": 'got := crypto.x509.parse_certificates("{canary}")',
    "credentials of a cloud": 'got := providers.aws.sign_req({"method": "get", "url": "http://127.0.0.1:{port}/"}, '
    '{"aws_service": "s3", "aws_region": "x", "aws_access_key": "a", "aws_secret_access_key": "b"}, 0)',
    "everything it can see": "got := [data, input]",
    "chance": 'got := [rand.intn("x", 1000), uuid.rfc4122("x")]',
    "the clock": "got := time.now_ns()",
}
"""Would take something out of the machine or out of the process."""

QUICK = {
    "an exponential regular expression": 'regex.match("^(a+)+$", concat("", [{many_a}, "!"]))',
    "a regular expression of a size": 'count(regex.find_n("(x?){100}x{100}", {many_a}, 1))',
    "stars upon stars in a glob": 'glob.match("*a*a*a*a*a*a*a*a*a*a*b", [], {many_a})',
    "deep JSON": "json.is_valid({bomb:json})",
    "units without end": 'units.parse_bytes(concat("", ["1", {many_a}])) == 0',
}
"""Known to hang other engines: here it is answered, or refused by OPA itself, within the deadline."""


def rule(body: str, *, port: int = 0, canary: str = "/nowhere", pid: int = 0) -> str:
    """The text of an attack with its places filled in."""
    filled = {
        "{port}": str(port),
        "{canary}": canary,
        "{pid}": str(pid),
        "{many_a}": 'concat("", ["a" | some _ in numbers.range(1, 5000)])',
        "{chain:replace}": _chain('replace({}, "a", "aaaaaaaaaa")', '"a"', 12),
        "{chain:hex}": _chain("hex.encode({})", '"xxxxxxxxxxxxxxxx"', 34),
        "{chain:base64}": _chain("base64.encode({})", '"xxxxxxxxxxxxxxxxxxxxxxxx"', 70),
        "{squares}": "\n\t".join(f"a{n + 1} := a{n} * a{n}" for n in range(40)),
        "{bomb:yaml}": '"' + _yaml_bomb().replace('"', '\\"').replace("\n", "\\n") + '"',
        "{bomb:json}": 'concat("", ["[" | some _ in numbers.range(1, 20000)])',
    }
    for place, text in filled.items():
        body = body.replace(place, text)
    return body


def _chain(step: str, start: str, times: int) -> str:
    for _ in range(times):
        start = step.replace("{}", start)
    return start


def _yaml_bomb() -> str:
    lines = ['a0: &a0 ["x","x","x","x","x","x","x","x","x"]']
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines)
