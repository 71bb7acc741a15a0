"""Every setting of the deployment, read once from the environment. A bad value refuses to start."""

from datetime import timedelta
from pathlib import Path

from controlplane.database import Locator, parse_url, role_name
from controlplane.env import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

# --- what kind of deployment -----------------------------------------------------------------------------
INTERLOCK_PRODUCTION = env.flag("INTERLOCK_PRODUCTION", default=False)
INTERLOCK_DATA_DIR = env.folder("INTERLOCK_DATA_DIR", BASE_DIR / "var")
INTERLOCK_DEPLOYMENT = env.text("INTERLOCK_DEPLOYMENT", "interlock.localhost")  # first part of every log origin
INTERLOCK_BASE_URL = env.text("INTERLOCK_BASE_URL", "http://localhost:8000")
INTERLOCK_ALLOW_LOOPBACK = env.flag("INTERLOCK_ALLOW_LOOPBACK", default=not INTERLOCK_PRODUCTION)
INTERLOCK_KEK = env.secret_bytes("INTERLOCK_KEK", 32)  # key-encryption key; without it a file in the data folder
INTERLOCK_KEK_PREVIOUS = env.secret_bytes("INTERLOCK_KEK_PREVIOUS", 32)  # while `manage.py rekey` is under way
INTERLOCK_ROOT_KEYS = env.names("INTERLOCK_ROOT_KEYS", ["file"])  # addresses of keys that sign keyrings, newest first
INTERLOCK_ANCHORS = Path(env.text("INTERLOCK_ANCHORS", str(INTERLOCK_DATA_DIR / "anchors.json")))  # who hears of heads

# --- limits and clocks -----------------------------------------------------------------------------------
INTERLOCK_PDP_DEADLINE_MS = env.integer("INTERLOCK_PDP_DEADLINE_MS", 1000, at_least=50, at_most=10_000)
INTERLOCK_PDP = env.choice("INTERLOCK_PDP", "embedded", ("embedded", "server"))
INTERLOCK_OPA_URL = env.text("INTERLOCK_OPA_URL")  # of an OPA server; `{environment}` stands for the id
INTERLOCK_OPA_TOKEN_FILE = env.text("INTERLOCK_OPA_TOKEN_FILE")
INTERLOCK_OPA_CA_FILE = env.text("INTERLOCK_OPA_CA_FILE")
if INTERLOCK_PDP == "server" and not INTERLOCK_OPA_URL.startswith(
    ("https://", "http://127.0.0.1:", "http://localhost:")
):
    env.refuse("INTERLOCK_OPA_URL must be an https:// address (or http:// on this machine) when INTERLOCK_PDP=server")
INTERLOCK_BUNDLE_TTL = timedelta(seconds=env.integer("INTERLOCK_BUNDLE_TTL_S", 600, at_least=300, at_most=900))
INTERLOCK_POLICY_COVERAGE = env.integer("INTERLOCK_POLICY_COVERAGE", 80, at_least=0, at_most=100)
INTERLOCK_POLICY_NOT_COVERED = env.integer("INTERLOCK_POLICY_NOT_COVERED", 20, at_least=0, at_most=100)
INTERLOCK_PAYLOAD_DAYS = env.integer("INTERLOCK_PAYLOAD_DAYS", 14, at_least=1, at_most=30)
INTERLOCK_EVIDENCE_MAX_LAG_S = env.integer("INTERLOCK_EVIDENCE_MAX_LAG_S", 30, at_least=1, at_most=3600)
INTERLOCK_EVIDENCE_MAX_PENDING = env.integer("INTERLOCK_EVIDENCE_MAX_PENDING", 50_000, at_least=10, at_most=10_000_000)

# --- Django ----------------------------------------------------------------------------------------------
SECRET_KEY = env.text("INTERLOCK_SECRET_KEY", "" if INTERLOCK_PRODUCTION else "development-only-" + "x" * 48)
if len(SECRET_KEY) < 50:
    env.refuse("INTERLOCK_SECRET_KEY must be set to at least 50 random characters in production")
DEBUG = False
ALLOWED_HOSTS = env.names("INTERLOCK_ALLOWED_HOSTS", [] if INTERLOCK_PRODUCTION else ["localhost", "127.0.0.1"])
if not ALLOWED_HOSTS:
    env.refuse("INTERLOCK_ALLOWED_HOSTS must name the hosts that the console is served under, comma-separated")
CSRF_TRUSTED_ORIGINS = env.names("INTERLOCK_TRUSTED_ORIGINS", [])

INSTALLED_APPS = [
    "controlplane",
    "controlplane.console",
    "workflows",
    "connectors",
    "approvals",
    "policies",
    "metering",
    "evidence",
    "tenants",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "guardian",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "django_q",
]

MIDDLEWARE = [
    "controlplane.requests.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "controlplane.console.csp.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "controlplane.console.mount.TenantMount",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "controlplane.urls"
ASGI_APPLICATION = "controlplane.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "controlplane.console.themes.theme",
            ]
        },
    }
]

# --- database: every process connects as one of the roles, never as superuser ------------------------------
# A process that freezes inside a transaction holds row locks that everybody else waits for: the server ends it.
INTERLOCK_IDLE_TRANSACTION_S = env.integer("INTERLOCK_IDLE_TRANSACTION_S", 20, at_least=2, at_most=600)
INTERLOCK_DB_ROLE = env.choice("INTERLOCK_DB_ROLE", "app", ("owner", "app", "sequencer", "reader"))
DATABASE_URL = env.text("DATABASE_URL")
if DATABASE_URL:
    try:
        parse_url(DATABASE_URL)
    except ValueError as error:
        env.refuse(str(error))
env.check()

DATABASE_LOCATOR = Locator(INTERLOCK_DATA_DIR, DATABASE_URL)
_server = DATABASE_LOCATOR.server()
DATABASES = {
    "default": {
        "ENGINE": "tenants.postgres",
        "HOST": _server.host,
        "PORT": str(_server.port),
        "NAME": env.text("INTERLOCK_DB_NAME", _server.name),
        "USER": role_name(INTERLOCK_DB_ROLE),
        "PASSWORD": DATABASE_LOCATOR.password(INTERLOCK_DB_ROLE),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "options": ""
            if INTERLOCK_DB_ROLE == "owner"
            else f"-c idle_in_transaction_session_timeout={INTERLOCK_IDLE_TRANSACTION_S}s",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- queue: wake-ups only, the rows are the truth -------------------------------------------------------------
_BROKERS: dict[str, dict[str, object]] = {
    "postgres": {"broker_class": "workflows.broker.PostgresBroker"},
    "redis": {"redis": env.text("INTERLOCK_REDIS_URL", "redis://localhost:6379/0")},
    "sqs": {"sqs": {"receive_message_wait_time_seconds": 20}},  # region and credentials as boto3 finds them
}
Q_CLUSTER = {
    "name": "interlock",
    **_BROKERS[env.choice("INTERLOCK_BROKER", "postgres", tuple(_BROKERS))],
    "workers": env.integer("INTERLOCK_WORKERS", 2, at_least=1, at_most=64),
    "timeout": 60,  # a wake-up gives itself less (`workflows.engine.loop.BUDGET_S`)
    "retry": 90,  # above timeout, else a live task is delivered a second time
    "bulk": 4,
    "queue_limit": 8,
    "save_limit": -1,
    "scheduler": False,
}
INTERLOCK_CALLS_PER_WORKER = env.integer("INTERLOCK_CALLS_PER_WORKER", 16, at_least=1, at_most=256)
INTERLOCK_TENANT_RUNNING = env.integer("INTERLOCK_TENANT_RUNNING", 0, at_least=0, at_most=1_000_000)  # 0: no limit
INTERLOCK_RUN_LEASE_S = env.integer("INTERLOCK_RUN_LEASE_S", 45, at_least=2, at_most=600)

# --- calls: window + deadline < lease, so that nobody takes a call over whose first byte could still leave ----
INTERLOCK_CALL_LEASE_S = env.integer("INTERLOCK_CALL_LEASE_S", 45, at_least=2, at_most=600)
INTERLOCK_SEND_WINDOW_S = env.integer("INTERLOCK_SEND_WINDOW_S", 10, at_least=1, at_most=60)
INTERLOCK_HARD_DEADLINE_S = env.integer("INTERLOCK_HARD_DEADLINE_S", 20, at_least=1, at_most=60)

# --- people ------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]  # permissions are asked through tenants.permissions only
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]  # nobody signs up: people are made by an administrator
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "controlplane.console.account.adapter.AccountAdapter"
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False  # counted in the database: controlplane.console.throttle
ACCOUNT_REAUTHENTICATION_REQUIRED = MFA_REAUTHENTICATION_REQUIRED = False  # controlplane.console.account.guard
ACCOUNT_SESSION_REMEMBER = True  # for as long as SESSION_COOKIE_AGE says
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
MFA_FORMS = {
    "authenticate": "controlplane.console.account.forms.CodeToSignIn",
    "reauthenticate": "controlplane.console.account.forms.CodeAgain",
}
SOCIALACCOUNT_ADAPTER = "controlplane.console.account.sso.SocialAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # an address at a provider opens nothing here
MFA_ADAPTER = "tenants.factors.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn"]  # no recovery codes: a lost factor is reset beside the database
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_TOLERANCE = 1  # one period of 30 s to either side
MFA_TOTP_ISSUER = "Interlock"
ANONYMOUS_USER_NAME = None  # guardian: no anonymous person holds anything
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = INTERLOCK_PRODUCTION
SECURE_SSL_REDIRECT = INTERLOCK_PRODUCTION
SECURE_HSTS_SECONDS = 31_536_000 if INTERLOCK_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = INTERLOCK_PRODUCTION
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("INTERLOCK_BEHIND_PROXY", default=False) else None
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- language, time, files ---------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # served from where they are built, with an ETag; there is no collecting step
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576

# --- REST ------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.authentication.TokenAuthentication",
        "tenants.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.authentication.IsActor"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "controlplane.api.problems.translate",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Interlock",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/v1",
    "ENUM_NAME_OVERRIDES": {
        "HaltKindEnum": "controlplane.api.halts.KINDS",
        "ReplayVerdictEnum": "controlplane.api.replays.VERDICTS",
        "ApprovalStateEnum": "controlplane.api.approvals.STATES",
        "VoteVerdictEnum": "controlplane.api.approvals.VERDICTS",
        "CallStateEnum": "controlplane.api.connectors.CALL_STATES",
        "ConnectorStateEnum": "controlplane.api.connectors.HEALTH_STATES",
        "RunStateEnum": "controlplane.api.runs.STATES",
        "StepStateEnum": "controlplane.api.runs.STEP_STATES",
        "BudgetKindEnum": "controlplane.api.costs.KINDS",
        "CircuitStateEnum": "controlplane.api.connectors.CIRCUIT_STATES",
        "HaltTriggerKindEnum": "controlplane.api.halt_rules.TRIGGER_KINDS",
        "ReconcileStateEnum": "controlplane.api.reconcile.STATES",
        "OutcomeAnswerEnum": "controlplane.api.reconcile.ANSWERS",
        "AttentionAnswerEnum": "workflows.services.ANSWERS",
        "SimulationStateEnum": "controlplane.api.simulations.STATES",
        "MemberRoleEnum": "controlplane.api.people.ROLES",
        "MachineKindEnum": "controlplane.api.machines.MACHINES",
        "MachineRoleEnum": "controlplane.api.machines.MACHINE_ROLES",
        "PolicyDraftStateEnum": "controlplane.api.policy_drafts.STATES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "controlplane.api.openapi.complete",
    ],
}

# --- logs ------------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "controlplane.lib.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {
        "handlers": ["stderr"],
        "level": env.choice("INTERLOCK_LOG_LEVEL", "WARNING", ("DEBUG", "INFO", "WARNING", "ERROR")),
    },
}
env.check()
