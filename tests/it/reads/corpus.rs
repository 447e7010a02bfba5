//! Files of every form that people keep manifests in.

use groundcrew::manifest::Encoding;

/// Returns the files.
pub(super) fn files() -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect();
    for encoding in [
        Encoding::Utf8Marked,
        Encoding::Utf16Little,
        Encoding::Utf16Big,
    ] {
        files.push(encoding.bytes(TEXTS[0]));
    }
    files.push(TEXTS[0].replace('\n', "\r\n").into_bytes());
    files.push(TEXTS[0].replace('\n', "\r").into_bytes());
    let comments = "# a comment\n".repeat(400);
    files.push(format!("kind: A\nspec:\n{comments}  a: 1\n").into_bytes());
    for end in ['\u{85}', '\u{2028}', '\u{2029}'] {
        let text = format!(
            "kind: Pod # note{end}spec: {{a: 1}}\nb: \"x{end}  y\"\nc: x{end}\n  y\nd: |\n  x{end}  y\n"
        );
        files.push(text.into_bytes());
    }
    files
}

const TEXTS: &[&str] = &[
    // The plain form.
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  labels: {app: web, \"a/b\": 'c'}\nspec:\n  replicas: 3\n  template:\n    spec:\n      containers:\n      - name: c\n        image: example.com/c:1\n        args: [\"a\", 'b', c]\n        command:\n        - sh\n        - -c\n        - |\n          echo \"x: y\"\n          # not a comment\n        env:\n          - {name: A, value: \"1\"}\n          - name: B\n            value: >-\n              folded\n              text\n\n              more\n",
    // Scalars.
    "kind: A\na: yes\nb: 'yes'\nc: on\nd: N\ne: ~\nf:\ng: null\nh: 017\ni: 0o17\nj: 0x1F\nk: 0b11\nl: 1_000\nm: 1e3\nn: .5\no: -.5\np: 08\nq: 1:30\nr: 2001-01-01\ns: 2001-01-01T00:00:00Z\nt: 1.0\nu: 12345678901234567890\nv: 123456789012345678901234567890\nw: +5\nx: !!str 5\ny: !!int \"5\"\nz: !!float 5\n",
    "kind: A\na: !local x\nb: ! x\nc: !!binary aGk=\nd: !<tag:yaml.org,2002:str> 1\ne: !!bool \"true\"\nf: ._5\ng: 1_\nh: 0x\ni: -\nj: --\nk: '-'\nl: <<\nm: =\nn: a:b\no: http://x/y?z#w\np: a #b\nq: a#b\n",
    "kind: A\n1: a\ntrue: b\n-5: c\nyes: d\n\"2\": e\n0x10: f\n2001-01-01: g\n",
    // Quotes and blocks.
    "kind: A\na: \"x\\ty\\n\\u00e9\\U0001F600 \\x41\\\n  joined\"\nb: 'it''s\n\n  two'\nc: plain\n  goes on\n\n  here\nd: |+\n  keep\n\ne: |-\n  strip\n\nf: >+\n  a\n\n   b\n  c\n\ng: |2\n    two\nh: >1-\n  x\ni: \"\"\nj: ''\n",
    "kind: A\na:\n- - 1\n  - 2\n-\n  b: 1\n- c: 1\n  d:\n  - e\n  -\n  f: g\n? h\n: i\n? j\n",
    // Flow.
    "{kind: A, a: [1, {b: 2}, [c, d: e], \"f\": g,], h: {i, j: , k: l}, \"m\":n, o: {? p : q}}\n",
    "kind: A\na: [\n  1, # one\n  2\n  ]\nb: {\n  c: d,\n\n  e: f g\n    h}\n",
    // Anchors and merges.
    "kind: A\na: &x {p: 1, q: [1, 2]}\nb: *x\nc:\n  <<: *x\n  p: 2\nd: {p: 3, <<: *x}\ne: {<<: [*x, {r: 1}]}\nf: {<<: [{p: 5}, *x]}\ng: {\"<<\": {p: 1}}\nh: &y 5\ni: *y\nj: {<<: {p: 1}, <<: {p: 2}}\n",
    "kind: A\nl:\n- &base\n  name: one\n- <<: *base\n  name: two\n- name: three\n  <<: *base\nm: &base 7\nn: *base\n",
    // The same key twice.
    "kind: A\na: 1\na: 2\nb: {c: 1, c: {d: 1}}\n",
    "{\"kind\": \"A\", \"a\": 1, \"a\": {\"b\": [1.5, -2e3, true, null, \"\\u00e9\\ud83d\\ude00\\ud800\"]}}\n",
    // Streams.
    "# only a comment\n---\n---\nkind: A\n---\n# nothing\n---\nkind: B\n--- # a comment\nkind: C\n---# joined\nkind: D\n---   \n",
    "---\nkind: A\n...\n---\nkind: B\n...\n",
    "{\"kind\": \"A\"}{\"kind\": \"B\"}\n\n{\"kind\": \"C\"} \n",
    "{\"kind\": \"A\"}\n---\nkind: B\n---\n{\"kind\": \"C\"}\n",
    "{\"kind\": \"A\",\n\"a\": [\n]\n}\n---\n{\"kind\": \"B\"}\n",
    "{kind: A}\n---\n{kind: B}\n",
    // Lists.
    "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n- apiVersion: v1\n  kind: Pod\n",
    "{\"kind\": \"PodList\", \"apiVersion\": \"v1\", \"metadata\": {}, \"items\": [{\"metadata\": {\"name\": \"a\"}}, {\"kind\": \"\", \"spec\": {}}]}",
    // Directives, tabs, odd indentation.
    "kind: A\na:\t1\nb: [1,\t2]\nc:\n    d: 1\ne:\n- f\n-   g:  1\n    h: 2\n",
    "kind: A\na: |\n ---x\n ...\nb: \"x\n  ---\n  y\"\n",
    "kind: A\nexpr: \"{{ $labels.pod }}\"\ntext: 'a: b # c'\n\"quoted key\": 1\n'single': 2\n? \"long\"\n: 3\n",
    "kind: A\nempty: {}\nnone: []\ndeep: [[[[[]]]]]\nwide: {a: {b: {c: {d: {}}}}}\n",
    "",
    "\n# nothing\n",
];
