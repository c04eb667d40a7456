"""Every refusal that is known of, and what it means: the table behind test_corpus.py."""
# ruff: noqa: RUF001 - some providers answer in Chinese

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from runner.core.verdict import Kind, Scope, Verdict

DONE, THROTTLED, SPENT, GONE = Kind.DONE, Kind.THROTTLED, Kind.SPENT, Kind.GONE
TRANSIENT, REJECTED, UNAUTHORISED = Kind.TRANSIENT, Kind.REJECTED, Kind.UNAUTHORISED
ACCOUNT, MODEL = Scope.ACCOUNT, Scope.MODEL
DAY, MODEL_DAY = "calls_per_day", "calls_per_day_per_model"
MINUTE, TOKENS = "calls_per_minute", "tokens_per_minute"


@dataclass(frozen=True)
class Case:
    """A refusal, and the verdict it should find."""

    status: int
    code: str
    message: str
    kind: Kind
    scope: Scope | None = MODEL
    quota: str = ""
    ambiguous: bool = False

    def fits(self, verdict: Verdict) -> bool:
        found = (verdict.kind, verdict.scope, verdict.quota, verdict.ambiguous)
        return found == (self.kind, self.scope, self.quota, self.ambiguous)


MODELSCOPE = (
    Case(
        429,
        "",
        "You have exceeded today's quota for model Qwen/Qwen3-8B, please try again tomorrow, "
        "or consider using other models",
        SPENT,
        MODEL,
        MODEL_DAY,
    ),
    Case(429, "", "You have exceeded today's quota, try again tomorrow", SPENT, ACCOUNT, DAY),
    Case(
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details",
        THROTTLED,
    ),
    Case(429, "insufficient_quota", "", THROTTLED),
    Case(429, "", "Request limit exceeded.", THROTTLED, ACCOUNT, DAY, ambiguous=True),
    Case(429, "", "insufficient balance", SPENT, ACCOUNT, "credits"),
    Case(429, "", "We have to rate limit you for model X. Please", THROTTLED),
    Case(429, "429", "insufficient balance (1008)", GONE),
    Case(429, "", "Too Many Requests", THROTTLED),
    Case(429, "limit_burst_rate", "slow down", THROTTLED),
    Case(429, "Throttling", "denied", THROTTLED),
    Case(429, "Throttling.RateQuota", "denied", THROTTLED),
    Case(429, "Throttling.BurstRate", "denied", THROTTLED),
    Case(429, "Throttling.AllocationQuota", "denied", THROTTLED),
    Case(429, "", "Throttling: request was denied", THROTTLED),
    Case(429, "", "Free allocated quota exceeded.", SPENT, ACCOUNT),
    Case(429, "", "never seen before", THROTTLED, MODEL, "", ambiguous=True),
    Case(200, "429", "insufficient balance", SPENT, ACCOUNT, "credits"),
    Case(400, "", "Model id : X , has no provider supported", GONE),
    Case(
        400,
        "",
        "parameter.enable_thinking must be set to false for non-streaming calls",
        REJECTED,
        None,
    ),
    Case(
        401,
        "",
        "Authentication failed, please make sure that a valid ModelScope token is supplied.",
        UNAUTHORISED,
        ACCOUNT,
    ),
    Case(401, "InvalidAuthentication", "no", UNAUTHORISED, ACCOUNT),
    Case(401, "", "Please bind your Alibaba Cloud account before use.", UNAUTHORISED, ACCOUNT),
    Case(403, "", "the account is not real-name verified", UNAUTHORISED, ACCOUNT),
    Case(400, "invalid_parameter", "max_tokens is too large", REJECTED),
    Case(500, "", "internal error", TRANSIENT),
    Case(502, "", "bad gateway", TRANSIENT),
    Case(504, "", "upstream timed out", TRANSIENT),
    Case(200, "500", "upstream failed", TRANSIENT),
)
MODEL_STUDIO = (
    Case(
        429,
        "limit_requests",
        "Requests rate limit exceeded, please try again later.",
        THROTTLED,
        MODEL,
        MINUTE,
    ),
    Case(
        429, "limit_requests", "You exceeded your current requests list.", THROTTLED, MODEL, MINUTE
    ),
    Case(429, "Throttling.RateQuota", "denied", THROTTLED, MODEL, MINUTE),
    Case(429, "Throttling.AllocationQuota", "Allocated quota exceeded", THROTTLED, MODEL, TOKENS),
    Case(
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
        THROTTLED,
        MODEL,
        TOKENS,
    ),
    Case(429, "limit_burst_rate", "Request rate increased too quickly.", THROTTLED),
    Case(429, "limit_requests", "denied", THROTTLED, MODEL, MINUTE),
    Case(429, "insufficient_quota", "denied", THROTTLED, MODEL, TOKENS),
    Case(429, "Throttling.AllocationQuota", "denied", THROTTLED, MODEL, TOKENS),
    Case(429, "limit_burst_rate", "denied", THROTTLED),
    Case(429, "Throttling.BurstRate", "denied", THROTTLED),
    Case(429, "Throttling", "Too many requests. Please retry later.", THROTTLED),
    Case(429, "Throttling.AllocationQuota", "Free allocated quota exceeded.", SPENT),
    Case(403, "AllocationQuota.FreeTierOnly", "denied", SPENT),
    Case(
        403,
        "AllocationQuota.FreeTierOnly",
        "The free tier of the model has been exhausted.",
        SPENT,
    ),
    Case(403, "AccessDenied.Unpurchased", "Access denied.", UNAUTHORISED, ACCOUNT),
    Case(
        400,
        "Arrearage",
        "Access denied, please make sure your account is in good standing.",
        UNAUTHORISED,
        ACCOUNT,
    ),
    Case(400, "Arrearage", "denied", UNAUTHORISED, ACCOUNT),
    Case(429, "CommodityNotPurchased", "Commodity not purchased.", UNAUTHORISED, ACCOUNT),
    Case(429, "PrepaidBillOverdue", "The bill is overdue.", UNAUTHORISED, ACCOUNT),
    Case(429, "PrepaidBillOverdue", "denied", UNAUTHORISED, ACCOUNT),
    Case(429, "PostpaidBillOverdue", "denied", UNAUTHORISED, ACCOUNT),
    Case(429, "BudgetLimitExceeded", "denied", UNAUTHORISED, ACCOUNT),
    Case(404, "model_not_found", "The model does not exist.", GONE),
    Case(401, "invalid_api_key", "Incorrect API key provided.", UNAUTHORISED, ACCOUNT),
    Case(400, "InvalidParameter", "Required parameter is missing.", REJECTED),
)
OPENROUTER = (
    Case(
        429,
        "429",
        "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model "
        "requests per day",
        SPENT,
        ACCOUNT,
        DAY,
    ),
    Case(429, "429", "Rate limit exceeded: free-models-per-day-high-balance.", SPENT, ACCOUNT, DAY),
    Case(429, "429", "Rate limit exceeded: free-models-per-min.", THROTTLED, ACCOUNT, MINUTE),
    Case(200, "429", "Rate limit exceeded: free-models-per-min.", THROTTLED, ACCOUNT, MINUTE),
    Case(429, "429", "x/y:free is temporarily rate-limited upstream.", THROTTLED),
    Case(429, "429", "Provider returned error", THROTTLED),
    Case(200, "429", "denied", THROTTLED, MODEL, "", ambiguous=True),
    Case(502, "502", "Provider returned error", TRANSIENT),
    Case(200, "502", "Provider returned error", TRANSIENT),
    Case(402, "402", "Insufficient credits", SPENT, ACCOUNT),
    Case(403, "403", "Key limit exceeded (total limit).", SPENT, ACCOUNT),
    Case(403, "403", "x/y requires moderation. Your input was flagged.", REJECTED, None),
    Case(404, "404", "No endpoints found matching your data policy", GONE),
    Case(404, "404", "No endpoints found for x/y.", GONE),
    Case(400, "400", "x/y is not a valid model ID", GONE),
    Case(401, "401", "User not found.", UNAUTHORISED, ACCOUNT),
)
GROQ = (
    Case(
        429,
        "rate_limit_exceeded",
        "Rate limit reached for model `m` in organization `o` service tier `on_demand` on "
        "requests per day (RPD): Limit 1000, Used 1000, Requested 1. Please try again in 1m26.4s.",
        SPENT,
        MODEL,
        MODEL_DAY,
    ),
    Case(
        429,
        "rate_limit_exceeded",
        "Rate limit reached for model `m` on tokens per day (TPD): Limit 100000, Used 97050",
        SPENT,
        MODEL,
        "tokens_per_day",
    ),
    Case(
        429,
        "rate_limit_exceeded",
        "Rate limit reached for model `m` on tokens per minute (TPM): Limit 6000, Used 5034",
        THROTTLED,
        MODEL,
        TOKENS,
    ),
    Case(429, "rate_limit_exceeded", "Rate limit reached (OTPM)", THROTTLED, MODEL, TOKENS),
    Case(
        429,
        "rate_limit_exceeded",
        "Rate limit reached for model `m` on requests per minute (RPM): Limit 30, Used 30",
        THROTTLED,
        MODEL,
        MINUTE,
    ),
    Case(
        413,
        "rate_limit_exceeded",
        "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 6294",
        REJECTED,
        None,
    ),
    Case(400, "model_decommissioned", "The model `m` has been decommissioned", GONE),
    Case(400, "model_decommissioned", "denied", GONE),
    Case(404, "model_not_found", "The model `m` does not exist", GONE),
    Case(
        400, "organization_restricted", "Organization has been restricted.", UNAUTHORISED, ACCOUNT
    ),
    Case(400, "organization_restricted", "denied", UNAUTHORISED, ACCOUNT),
    Case(498, "capacity_exceeded", "Flex tier capacity exceeded", THROTTLED),
)
MISTRAL = (
    Case(
        429,
        "1300",
        "Requests rate limit exceeded",
        THROTTLED,
        MODEL,
        "tokens_per_month",
        ambiguous=True,
    ),
    Case(429, "3505", "Service tier capacity exceeded for this model.", THROTTLED),
    Case(429, "", "Monthly token limit reached", SPENT, MODEL, "tokens_per_month"),
    Case(400, "1500", "Invalid model: m", GONE),
)
ZHIPU = (
    Case(429, "1113", "您的账户已欠费，请充值后重试", SPENT, ACCOUNT),
    Case(429, "1113", "", SPENT, ACCOUNT),
    Case(429, "1308", "已达到 5 小时的使用上限", SPENT, ACCOUNT),
    Case(429, "1310", "您已达到每周/每月使用上限，您的限额将在 X 重置。", SPENT, ACCOUNT),
    Case(429, "1310", "", SPENT, ACCOUNT),
    Case(429, "1304", "该 API 已达今日调用次数限额", SPENT, MODEL, MODEL_DAY),
    Case(429, "1302", "您的账户已达到速率限制，请您控制请求频率", THROTTLED),
    Case(429, "1303", "您当前使用该 API 的频率过高", THROTTLED),
    Case(429, "1305", "该模型当前访问量过大，请您稍后再试", THROTTLED),
    Case(429, "1312", "该模型当前访问量过大", THROTTLED),
    Case(400, "1211", "模型不存在，请检查模型代码", GONE),
    Case(429, "1311", "当前订阅套餐暂未开放", GONE),
    Case(400, "1301", "系统检测到输入或生成内容可能包含不安全或敏感内容", REJECTED, None),
    Case(401, "1002", "Authentication Token 非法", UNAUTHORISED, ACCOUNT),
    Case(429, "1110", "您的账户当前处于非活动状态。", UNAUTHORISED, ACCOUNT),
    Case(429, "1112", "您的账户已被锁定", UNAUTHORISED, ACCOUNT),
    Case(429, "1121", "账户存违规行为", UNAUTHORISED, ACCOUNT),
    Case(429, "1309", "套餐已到期", UNAUTHORISED, ACCOUNT),
    Case(429, "1313", "请求频率已受到限制", UNAUTHORISED, ACCOUNT),
    Case(500, "500", "内部错误", TRANSIENT),
)
LIMITED = "Request was rejected due to rate limiting. Details: "
SILICONFLOW = (
    Case(429, "", f"{LIMITED}TPM limit reached.", THROTTLED, MODEL, TOKENS),
    Case(429, "", f"{LIMITED}RPM limit reached.", THROTTLED, MODEL, MINUTE),
    Case(429, "", f"{LIMITED}RPD limit reached.", SPENT, MODEL, MODEL_DAY),
    Case(429, "", f"{LIMITED}TPD limit reached.", SPENT, MODEL, "tokens_per_day"),
    Case(429, "", f"{LIMITED}RPH limit reached.", THROTTLED),
    Case(503, "50505", "Model service overloaded. Please try again later.", THROTTLED),
    Case(503, "50505", "", THROTTLED),
    Case(403, "30001", "Sorry, your account balance is insufficient", SPENT, ACCOUNT),
    Case(403, "30001", "", SPENT, ACCOUNT),
    Case(403, "30011", "", SPENT, ACCOUNT),
    Case(400, "20012", "Model does not exist. Please check it carefully.", GONE),
    Case(400, "20012", "", GONE),
    Case(403, "", "the model needs real-name authentication", UNAUTHORISED, ACCOUNT),
    Case(400, "20015", "max_tokens is too large", REJECTED),
)
NEURONS = "you have used up your daily free allocation of 10,000 neurons"
CLOUDFLARE = (
    Case(429, "4006", NEURONS, SPENT, ACCOUNT, DAY),
    Case(429, "3036", NEURONS, SPENT, ACCOUNT, DAY),
    Case(429, "4006", "", SPENT, ACCOUNT, DAY),
    Case(429, "3036", "", SPENT, ACCOUNT, DAY),
    Case(429, "3040", "No more data centers to forward the request to", THROTTLED),
    Case(429, "3040", "", THROTTLED),
    Case(400, "5007", "No such model m or task", GONE),
    Case(400, "5007", "", GONE),
    Case(403, "5016", "User has not agreed to the model's terms", GONE),
    Case(403, "5018", "The account is not allowed to access this model", GONE),
    Case(403, "3041", "The account is not allowed to access this model", GONE),
    Case(401, "10000", "Authentication error", UNAUTHORISED, ACCOUNT),
    Case(408, "3007", "Request timeout", TRANSIENT),
)
GEMINI = (
    Case(
        429,
        "429",
        "You exceeded your current quota. Quota exceeded for metric: requests, limit: 0, model: m",
        GONE,
    ),
    Case(
        429,
        "429",
        "You exceeded your current quota, please check your plan and billing details.",
        THROTTLED,
        MODEL,
        MODEL_DAY,
        ambiguous=True,
    ),
    Case(
        429,
        "429",
        "Resource has been exhausted (e.g. check quota).",
        THROTTLED,
        MODEL,
        MODEL_DAY,
        ambiguous=True,
    ),
    Case(400, "400", "API key not valid. Please pass a valid API key.", UNAUTHORISED, ACCOUNT),
    Case(
        400,
        "400",
        "User location is not supported for the API use.",
        UNAUTHORISED,
        ACCOUNT,
    ),
    Case(404, "404", "models/m is not found for API version v1main", GONE),
    Case(503, "503", "The model is overloaded. Please try again later.", TRANSIENT),
)
OPENAI_COMPATIBLE = (
    Case(429, "insufficient_quota", "You exceeded it", THROTTLED, ACCOUNT, DAY, ambiguous=True),
    Case(400, "400", "chat_completion: Invalid model name passed in model=x", GONE),
    Case(400, "model_not_found", "no such model", GONE),
    Case(400, "invalid_api_key", "no such key", UNAUTHORISED, ACCOUNT),
    Case(200, "429", "slow down", THROTTLED, MODEL, "", ambiguous=True),
    Case(402, "", "pay first", SPENT, ACCOUNT),
)
NVIDIA = (
    Case(404, "", "404 page not found", GONE),
    Case(404, "", "Function 'a1': Not found for account 'b2'", GONE),
    Case(429, "", "Too Many Requests", THROTTLED, MODEL, "", ambiguous=True),
    Case(401, "", "Authentication failed", UNAUTHORISED, ACCOUNT),
)
TRIAL = "You are using a Trial key, which is limited to"
COHERE = (
    Case(429, "", f"{TRIAL} 1000 API calls / month.", SPENT, ACCOUNT, "calls_per_month"),
    Case(429, "", f"{TRIAL} 20 API calls / minute.", THROTTLED, ACCOUNT, MINUTE),
)
ZAI = (
    Case(429, "1113", "Insufficient balance or no resource package", SPENT, ACCOUNT),
    Case(429, "1308", "Usage limit reached for 5 hours", SPENT, ACCOUNT),
    Case(429, "1310", "Weekly/Monthly Limit Exhausted", SPENT, ACCOUNT),
    Case(429, "1304", "The daily limit of this API is reached", SPENT, MODEL, MODEL_DAY),
    Case(429, "1302", "High concurrency usage of this API", THROTTLED),
    Case(429, "1303", "High frequency usage of this API", THROTTLED),
    Case(429, "1305", "The model is overloaded", THROTTLED),
    Case(429, "1312", "The model is too much in demand", THROTTLED),
    Case(400, "1211", "Unknown Model, please check the model code", GONE),
    Case(429, "1311", "Your plan does not include this model", GONE),
    Case(400, "1301", "Potentially unsafe content", REJECTED, None),
    Case(429, "1110", "Your account is inactive", UNAUTHORISED, ACCOUNT),
    Case(429, "1112", "Your account is locked", UNAUTHORISED, ACCOUNT),
    Case(429, "1121", "Your account has violations", UNAUTHORISED, ACCOUNT),
    Case(429, "1309", "Your plan has expired", UNAUTHORISED, ACCOUNT),
    Case(429, "1313", "Your use is restricted", UNAUTHORISED, ACCOUNT),
)
CORPUS = {
    "modelscope": MODELSCOPE,
    "model-studio": MODEL_STUDIO,
    "openrouter": OPENROUTER,
    "groq": GROQ,
    "mistral": MISTRAL,
    "zhipu": ZHIPU,
    "siliconflow": SILICONFLOW,
    "cloudflare": CLOUDFLARE,
    "nvidia": NVIDIA,
    "cohere": COHERE,
    "zai": ZAI,
    "gemini": GEMINI,
    "openai-compatible": OPENAI_COMPATIBLE,
}
ENVELOPES: dict[str, Any] = {
    "error": lambda body: {"error": body},
    "error, request_id outside": lambda body: {"error": body, "request_id": "r"},
    "error, request_id inside": lambda body: {"error": body | {"request_id": "r"}},
    "errors": lambda body: {"errors": body, "request_id": "r"},
    "errors, request_id inside": lambda body: {"errors": body | {"request_id": "r"}},
    "errors, a list": lambda body: {"success": False, "errors": [body], "result": None},
    "flat": lambda body: body | {"request_id": "r"},
    "flat, an object": lambda body: {"object": "error", "param": None, "data": None} | body,
    "array": lambda body: [{"error": body}],
}


# Bodies as they were seen, whole


def quota_failure(*ids: str) -> bytes:
    """Gemini's refusal: an array, and the quotas' names deep inside."""
    violations = [{"quotaMetric": "generate_content_free_tier", "quotaId": name} for name in ids]
    error = {
        "code": 429,
        "message": "You exceeded your current quota, please check your plan and billing details.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"url": "https://x"}]},
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "38s"},
        ],
    }
    return orjson.dumps([{"error": error}])


PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
TOKENS_PER_MINUTE = "GenerateContentInputTokensPerModelPerMinute-FreeTier"
TOKENS_PER_DAY = "GenerateContentInputTokensPerModelPerDay-FreeTier"
SHELL = b'{"id":"","choices":null,"usage":{"prompt_tokens":0,"total_tokens":0}}'
HTML = b"<html><head><title>502 Bad Gateway</title></head>\n<body>nginx</body>"

WHOLE: list[tuple[str, int, bytes, Case]] = [
    ("gemini", 429, quota_failure(PER_DAY), Case(429, "", "", SPENT, MODEL, MODEL_DAY)),
    (
        "gemini",
        429,
        quota_failure(TOKENS_PER_MINUTE, PER_MINUTE, PER_DAY),
        Case(429, "", "", SPENT, MODEL, MODEL_DAY),
    ),
    (
        "gemini",
        429,
        quota_failure("GenerateRequestsPerDayPerProject-FreeTier"),
        Case(429, "", "", SPENT, ACCOUNT, DAY),
    ),
    (
        "gemini",
        429,
        quota_failure(TOKENS_PER_DAY),
        Case(429, "", "", SPENT, MODEL, "tokens_per_day"),
    ),
    ("gemini", 429, quota_failure(PER_MINUTE), Case(429, "", "", THROTTLED, MODEL, MINUTE)),
    ("gemini", 429, quota_failure(TOKENS_PER_MINUTE), Case(429, "", "", THROTTLED, MODEL, TOKENS)),
    ("mistral", 401, b'{"detail":"Unauthorized"}', Case(401, "", "", UNAUTHORISED, ACCOUNT)),
    ("siliconflow", 401, b'"Api key is invalid"', Case(401, "", "", UNAUTHORISED, ACCOUNT)),
    ("siliconflow", 404, b"404 page not found", Case(404, "", "", GONE)),
    ("modelscope", 502, HTML, Case(502, "", "", TRANSIENT)),
    ("modelscope", 504, HTML, Case(504, "", "", TRANSIENT)),
    ("modelscope", 200, HTML, Case(200, "", "", TRANSIENT)),
    ("modelscope", 500, b"", Case(500, "", "", TRANSIENT)),
    ("modelscope", 200, SHELL, Case(200, "", "", TRANSIENT)),
    ("modelscope", 200, b'{"id":"","choices":[]}', Case(200, "", "", TRANSIENT)),
    ("modelscope", 200, b'{"choices":[{"message":{"content":"yes"}}]}', Case(200, "", "", DONE)),
    ("modelscope", 200, b'{"choices":[{"message":{"content":null}}]}', Case(200, "", "", DONE)),
    (
        "modelscope",
        200,
        b'{"choices":[{"message":{"content":[{"type":"text","text":"yes"}]}}]}',
        Case(200, "", "", DONE),
    ),
    ("modelscope", 200, b'{"choices":[{"message":{"content":"ye', Case(200, "", "", TRANSIENT)),
    ("modelscope", 200, b"", Case(200, "", "", TRANSIENT)),
    ("modelscope", 200, b"null", Case(200, "", "", TRANSIENT)),
    ("modelscope", 200, b"[]", Case(200, "", "", TRANSIENT)),
    ("modelscope", 200, b'{"error":"a plain string"}', Case(200, "", "", TRANSIENT)),
]
