// What chat clients on Vercel's AI SDK do: a plain answer, a stream, embeddings, and a spent day.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, streamText } from "ai";

const provider = createOpenAICompatible({
  name: "midnight",
  baseURL: process.argv[2],
  apiKey: "any",
  includeUsage: true,
});
const model = provider("Qwen/Qwen3-8B");
const told = {};

const plain = await generateText({ model, prompt: "hi there" });
told.plain = { text: plain.text, tokens: plain.usage.totalTokens };

const stream = streamText({ model, prompt: "hi there" });
let streamed = "";
for await (const piece of stream.textStream) streamed += piece;
told.streamed = { text: streamed, tokens: (await stream.usage).totalTokens };

const embedding = provider.textEmbeddingModel("Qwen/Qwen3-Embedding-8B");
const vectors = await embedMany({ model: embedding, values: ["a", "b"] });
told.vectors = vectors.embeddings.map((one) => one.length);

try {
  await generateText({ model, prompt: "one too many" });
} catch (error) {
  const last = error.lastError ?? error;
  told.refused = { status: last.statusCode, message: last.message };
}
console.log(JSON.stringify(told));
