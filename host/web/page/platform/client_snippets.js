// A prediction of the platform as code: curl, and the official clients for Python and JavaScript,
// which are told another address and nothing else.
import { hasFile, javascript, literal, marked, python, shell } from "../snippets.js";

const clientPython = {
  ...python,
  file: (name) => `open(${JSON.stringify(name)}, "rb")`,
};
const clientJavaScript = {
  ...javascript,
  file: (name) => `await readFile(${JSON.stringify(name)})`,
};

// `root`: the platform's address with a slash at its end; `version`: "owner/name:id".
export function platformCurl(root, version, input, secrets = new Set()) {
  const expands = Object.values(input).some(hasFile) ||
    Object.keys(input).some((name) => secrets.has(name));
  const language = expands ? shell : { ...shell, scalar: JSON.stringify };
  const body = literal({ version, input: marked(input, secrets) }, language);
  return `curl -sS ${root}v1/predictions \\
  -H "Authorization: Bearer $REPLICATE_API_TOKEN" \\
  -H 'Content-Type: application/json' -H 'Prefer: wait' \\
  --data-binary @- <<${expands ? "END" : "'END'"}
${body}
END
`;
}

export function platformPython(root, version, input, secrets = new Set()) {
  return `import os

import replicate

client = replicate.Client(base_url=${JSON.stringify(root.replace(/\/$/, ""))},
                          api_token=os.environ["REPLICATE_API_TOKEN"])
output = client.run(
    ${JSON.stringify(version)},
    input=${literal(marked(input, secrets), clientPython, 1)},
)
print(output)
`;
}

export function platformJavaScript(root, version, input, secrets = new Set()) {
  const files = Object.values(input).some(hasFile);
  return `${files ? 'import { readFile } from "node:fs/promises";\n' : ""}\
import Replicate from "replicate";

const replicate = new Replicate({
  auth: process.env.REPLICATE_API_TOKEN,
  baseUrl: ${JSON.stringify(`${root}v1`)},
});
const output = await replicate.run(${JSON.stringify(version)}, {
  input: ${literal(marked(input, secrets), clientJavaScript, 1)},
});
console.log(output);
`;
}
