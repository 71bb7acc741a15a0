"""Addresses of signing in and of one's own account. The names are django-allauth's, which reverses them."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.contrib.auth.views import LogoutView
from django.urls import path

from controlplane.console import sessions
from controlplane.console.account import sso, views
from controlplane.console.account.guard import proven

urlpatterns = [
    path("login/", sessions.SignIn.as_view(), name="account_login"),
    path("login/code/", views.SecondFactor.as_view(), name="mfa_authenticate"),
    path("login/passkey/", webauthn.login_webauthn, name="mfa_login_webauthn"),
    path("login/sso/", sso.Choose.as_view(), name="sso"),
    path("login/sso/<slug:provider_id>/", sso.Begin.as_view(), name="openid_connect_login"),
    path("login/sso/<slug:provider_id>/callback/", sso.Callback.as_view(), name="openid_connect_callback"),
    path("logout/", LogoutView.as_view(next_page="account_login"), name="account_logout"),
    path("account/", mfa.index, name="mfa_index"),
    path("account/password/", proven(account.password_change), name="account_change_password"),
    path("account/prove/password/", account.reauthenticate, name="account_reauthenticate"),
    path("account/prove/code/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("account/prove/passkey/", webauthn.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("account/prove/organisation/", sso.Again.as_view(), name="sso_again"),
    path("account/code/add/", proven(totp.activate_totp), name="mfa_activate_totp"),
    path("account/code/remove/", proven(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("account/passkeys/", mfa.index, name="mfa_list_webauthn"),
    path("account/passkeys/add/", proven(views.AddPasskey.as_view()), name="mfa_add_webauthn"),
    path("account/passkeys/<int:pk>/remove/", proven(webauthn.remove_webauthn), name="mfa_remove_webauthn"),
    path("account/sessions/", views.Sessions.as_view(), name="usersessions_list"),
]
