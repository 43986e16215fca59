// SPDX-License-Identifier: MIT
// Keys for the tests of this room. Made for them, used nowhere else.
#pragma once

#define TEST_RSA512_P                                                                                                  \
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK/wOGgMGutkMkJ0fazpcN9Zrj4xeviI00JrRMy9yqWXzcRKAMzElABMJm77op3AQgDR"             \
    "sF9yMsv2LPQAZpV9excCAwEAAQ=="
#define TEST_RSA1024_P                                                                                                 \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDqMp8JtzN9Vmkqcnuh57whXLF/l61opB6PG391pqE4vy+7RP0DAyvakcm9udgH"             \
    "GEFaS/6FnRHzn9PjsRzvpxQbD/WYTAlNaIldzALblaMIUJJ4WJLbEQBZw34fvuqPuwWymDrQ4z38EuZVyCFqfT/5njBbt21tx0gi"             \
    "i/aiNfpTdwIDAQAB"
#define TEST_RSA2048_P                                                                                                 \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA5aU3ohDcpC6Skl2dz7RS51x/pvd5ydSsZ25EdgQSm9F88/EO2ndK6mAq"             \
    "fqW2Co03UQbNPogR4PIBbuj1wh2ogYc6U2nauhdSEf9HZlf1K1rEZ147Y9jmJpUqkexldEK6ck5uo8SZfh7DFB0kXcjQMAnjIQK/"             \
    "rALEh4zaxEfsT5rbq0BXmTIeboj8bv4A1nWJ3gDuLt9oONH7JJQwew99MdlK1NuzKr8mN+JulBX7gueuVbv5+NAqGsHcYVvwrB97"             \
    "gF3+qDQYbauo3nkVaBujd79Aw0pM+KLRBCk40ep+8hyxSGNXn66Uqs9c7vsFFFP4oQ/NNnMUYTvmwBIOs+n9RwIDAQAB"
#define TEST_RSA3072_P                                                                                                 \
    "MIIBojANBgkqhkiG9w0BAQEFAAOCAY8AMIIBigKCAYEAmsqeDIdK9cLxFysquihJl/ZKeprZeNa/e6xw407geBLJT+lcVyzwSwM9"             \
    "90sn3fgZTM2Kc+j7nuQyF46lJah6Y5+trcj2hW95n1i8lJhG2A7dhUVR0m+ZyOG4Yn7fLK7wPOTas5rbhlnsa8tTIXzv6kxClpRh"             \
    "4XZEE+cIupbisAB2Mr5Wb9pc6eMqtI1Hcz/NGjTsMe/D2X5gvDzD3Pu+cNiV9B0nWtMPNtTrPSSvmO5ai45KvjkgBUZOieLiE9vl"             \
    "2YhkG+1PmAyP4uI9SZqto5ID0OBZdet4VFEfO9a2QmQVdkDnZ8K5knVWtyTiCx6EiTpwBmiZs4VsXY5KvKFDFxWhJ/CQBSq2/gHE"             \
    "ynNElktH2ns1+UUh9VlQHNwU9MEx0VD9SWZC1byaaArsqLLgdj+XhA5DBD7mU8j2fb6+c1+uGCnDt5qFSJsWsbNWMwFKYA+Mgqch"             \
    "kcrcBi+61y6WNio2CnCdjiWH7ZxMz76jkXk9JfSNhheQkA+yLlcTgoMvAgMBAAE="
#define TEST_RSA4096_P                                                                                                 \
    "MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAu7qlMOE2Pt/U9uaADwWXAF2odAfFmrVfiSiPrS4VcCERt+Sy5PHftji+"             \
    "gHaI7krbLHrw2KUYkmv7yEgS6MWnRFgj5T3YXBgQAoj/1qfQkeRSeYVInlwTryrOkPbmMHFKLnKlLbUZ4ek5LQQ7F//Y7EgKLHe5"             \
    "ecP0pissWep9ZbJsBGoGYFxvgK2orCG3MvIYd6SsGWjxxwBfNTHgQV5aQp2dzEqksHpoewnn7jXtEzlxR9NtaR+RNnz4Hc8RHUPu"             \
    "fygJYEhNrzIHPmqJTeNudHSzrMtq42CmWOaCgQg5PsfTEdo2RH3eyZdnSKYYnS7Pd20xH+PRLql97wK1WLiea6lhJ7QvAG9IAISC"             \
    "MSNKDs3hPdBkUgdDv2TuZNJ/Q5o2aVxFyp3aIsC+E1yYVow2YMmXMbpR0ULFLU82Zlypykhdy8tqYDHfqBvb+XtkltPkQ/9VSU7S"             \
    "6RhBwtKFKQvqNMsf4a1uZHZKW/xR+bi6/8t1kyXw2l3vo5BZOrz7n4H2twTBNYdhRwo1ZVKIemRVsOtWv+MWArSdsfeJRVHpCOOQ"             \
    "MdvUBo9J/eUgj+1K/eWdgvKxmCEIm0IjBFl8OyHRqN7n33J6D+6w3rlFgrwoTJW5i9zgrDM/sGXuGXyry9FyXoMV0P02nT7Z0gWG"             \
    "KtIAEXvGGrMPOBAJXEe3oxmFFFECAwEAAQ=="
#define TEST_RSA8192_P                                                                                                 \
    "MIIEIjANBgkqhkiG9w0BAQEFAAOCBA8AMIIECgKCBAEAtysueXN9Q25GRC12vGyWAvVxPQROkz3+eXZ2XIwR/o5gtFeRsbL53/ao"             \
    "RZQGOV2khXi1LtT09zvTZwLBnUCuP3L3SBNR0uo9PrqdSiQ/s6CnlnhOZhs/HVUoiTlu7NSnJZXOpMEI181hYYy+uPgsVRKTM2uN"             \
    "MNiEWmyiK0rMEy5wxJc3ma6/qW3ntstfutbepJjLrDOTcA74sdUJ+bWhbgFcFMNUebsL5pZMzIOk4Xn9sp9q/Q55vr+PjfS25Yvg"             \
    "37d0dvfNj0qTwafm3EGArROSkqYYFAQV9Go+OQpX8n/eACUL4+UWz7XmTf+r44uPHFX3/Ihpeg+3hTjFELCdYh250Vmt+vjV1mHt"             \
    "zFKgsHGwg7NHyAJxUhm7jfQdbu9HZhoMdGOUp8UXKyrn3cyb3ZoOZnLyS79xazi3RfFxbpoUx/01J1qoOwisytJqndsPssJ1uhxl"             \
    "NStqx4l/9UtDIjGr+tvYOq+l1+kwj1gvD8AgdDNxBGHa49rLsF3/eoupOZBzyqFmvdjaXsNaNMlDp62cAYGdLHXVSRIDAevFI3J5"             \
    "Fk9/lj2oKC+igXiQmkRp74HzaYaFyM+8ZxTu4blJeC+22a/299v+UrQZWtWf62Z1sPpA/3eZ8CnBdR0I/U4oo+ghZNayfOeyUdiX"             \
    "n7cLTjZsbBpibWrKACcUCcqmDZ5C+uTzKrd2gAizkZ2pyYnW/BD8i8FeDFIFXvrT4bJxziagFWqoOCqV3m8jIOaTgYnCn15ZCybp"             \
    "CfvwCAq9QAxWVGswCVq1x5HfyV8khtLAYMJhRMBcm7bWo7C92WtNdeX+KXjoN7fRoenscVycuDMKmsu95COvrljLTlGzzeavfU2y"             \
    "tXt2pc+6um+yyHPqWPjLTLmvR7vKi879BOE0nKk4JoP1etdDD0e9fuS0E3uDS5h/gZUTqzj5YzvlvlaaBIdWrXuwnjs6Oh7ac4BI"             \
    "5QbWBXOj4Dh3dpiCi285gXg2kd2/bQnJxWP0ko00wJdTIHlpHrTZg81Jie8ucN58lZo3cE+iliCdZiJnRg3je2Cozgz5E1F92qRt"             \
    "8SJX3VvDDnM740+n2BXfCq38NZaUPsbEKDDSGQG9z8xUcLwH3eGyx1g+qBtsBZFP/VWJpr7a3T8qsX4xolE+kRc/p8JDye0xpHiz"             \
    "o9mWBf2/zXBpcBuhIkd9rUySWixA1RSfLB7TXk2M0Mw6P+oB5a/+9/HksUJ+MA4iP91Ko8fz1xRt1MhQ8pSBrIx86GmsqaHkFnYw"             \
    "2CDfRdQnJd/a1njxTRrZTAk3UWr4d+ObNR9N31vhshDpiOwc/X1rxBd1nuketucVetMYWyb35Q6xS2ifiVbjk0GVDf2pB9gDYoIk"             \
    "yoVv645IQwIDAQAB"
// As RSAPublicKey, without the wrapping.
#define TEST_RSA1024_PKCS1_P                                                                                           \
    "MIGJAoGBAOoynwm3M31WaSpye6HnvCFcsX+XrWikHo8bf3WmoTi/L7tE/QMDK9qRyb252AcYQVpL/oWdEfOf0+OxHO+nFBsP9ZhM"             \
    "CU1oiV3MAtuVowhQknhYktsRAFnDfh++6o+7BbKYOtDjPfwS5lXIIWp9P/meMFu3bW3HSCKL9qI1+lN3AgMBAAE="
// Exponents 3 and 2^80 + 1.
#define TEST_RSA_E3_P                                                                                                  \
    "MIGdMA0GCSqGSIb3DQEBAQUAA4GLADCBhwKBgQC06cDqojSB2LPhggIz+SYuIHDvaR04qt/0TlioDKbrB9AsCNLjRE2iL3ZVXgLn"             \
    "eUeLLrFZUcZRVwJgDTLbZUi/muPjD0OG/RIN+cIbuE6kztqmngNpQ7ZGNZbaY478g9GlOWcX6tHBAVGa3Q910T0XzXdlAwvfEoz8"             \
    "N4Hp9hRbIwIBAw=="
#define TEST_RSA_EBIG_P                                                                                                \
    "MIGnMA0GCSqGSIb3DQEBAQUAA4GVADCBkQKBgQC4nKJbLfpYgeAc0kzpNrPA5owKj94WuYPgu4yFw6PnN/xA4H6qxFkOIAefN/b4"             \
    "uT38u8JVdfweIcW/G3X+NZb+uZ14W/Umt4hLLYB0HvdEsCMQ+pXfu92OzAX2OwY4T11kTNPaZO8hMeQopHZfEM49uWdPIbwPsZCi"             \
    "gBy0auTvvwILAQAAAAAAAAAAAAE="
// A key of another kind, and RSA for PSS alone.
#define TEST_EC_P                                                                                                      \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8169PJ3QSm/jM2lniO6e2z5TQdVuMPqRbZO0HIUKNWrIG49TA/GDVs6KdLa72c4X"             \
    "p6Z92ogmCpDvHsJMZchFgg=="
#define TEST_PSS_P                                                                                                     \
    "MIGdMAsGCSqGSIb3DQEBCgOBjQAwgYkCgYEAv2RSFB+I0ukY5vdNmHL3ukk3NvYpwIKpV4+s5H6fLTiJm/1nnHwqSyZxS0ahMXFT"             \
    "ZTYHI7RaT8orJlruFaHhyk3LwQLCoj+5/klUEiJme73fZNSZsl162gmvFtBtSSupqJQ4uprblOXjITSxof7tMdokqFnT7vL/WAyV"             \
    "hJlzBMcCAwEAAQ=="
#define TEST_RSA1024_PEM                                                                                               \
    "-----BEGIN PRIVATE KEY-----\n"                                                                                    \
    "MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAOoynwm3M31WaSpy\n"                                               \
    "e6HnvCFcsX+XrWikHo8bf3WmoTi/L7tE/QMDK9qRyb252AcYQVpL/oWdEfOf0+Ox\n"                                               \
    "HO+nFBsP9ZhMCU1oiV3MAtuVowhQknhYktsRAFnDfh++6o+7BbKYOtDjPfwS5lXI\n"                                               \
    "IWp9P/meMFu3bW3HSCKL9qI1+lN3AgMBAAECgYEAjcpEG1+9Xr74QOi7DVT9w70Z\n"                                               \
    "AcTVCiuDDOV7D8HojjDCN0EXZcF/xX7Kg4GG1xTKTF8CI+bqvXMgmBPdDwM62dcW\n"                                               \
    "tf8L5oRY0PBbUe3HErNJ4ndKVvMkENWwLT51g9Lk9JMTf3YdxQGaySUHsEJC2LuT\n"                                               \
    "OWWbBDzfgbnB4b2fRLECQQD3ypsbq0bX02lriQLsCekFwANYlSocMfPUTxyJl5Pa\n"                                               \
    "oWUs3ElQKlLoD5LOU5+n4FFwLjMbz4RwroW0HIZErkwLAkEA8fS774NYsmTo8wlZ\n"                                               \
    "N3uRvALZIF/gEll9PYQ8kyf/z0AcR//PyX9WHz1bAq0mbO96JhyNvjw66tQaIbQS\n"                                               \
    "Xv/NxQJAQRPZAL9O78f6W9+0AMHpjTUMq+shEB6eZxgP6qMAld7lb467Qm6bL49H\n"                                               \
    "gyC7QZ/MQ6YejiNGKUHso40KRmdwWQJBAM1QW1m3H0DiGDqDqE1IcjYURKMQOFfZ\n"                                               \
    "0EivOae1vYDkahs+m9fkUfRYYC45N+4gmIpWmIDhIy25piMLZrtuXfECQQDUgDr/\n"                                               \
    "oNOSoCkpcBkfK3PhDukwuXsa9iyScfeO0t75L8kZvdJWAx36JD8QwacDVUBytuW6\n"                                               \
    "0OJnXR+fJAXsLi5B\n"                                                                                               \
    "-----END PRIVATE KEY-----\n"
#define TEST_RSA2048_PEM                                                                                               \
    "-----BEGIN PRIVATE KEY-----\n"                                                                                    \
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDlpTeiENykLpKS\n"                                               \
    "XZ3PtFLnXH+m93nJ1KxnbkR2BBKb0Xzz8Q7ad0rqYCp+pbYKjTdRBs0+iBHg8gFu\n"                                               \
    "6PXCHaiBhzpTadq6F1IR/0dmV/UrWsRnXjtj2OYmlSqR7GV0QrpyTm6jxJl+HsMU\n"                                               \
    "HSRdyNAwCeMhAr+sAsSHjNrER+xPmturQFeZMh5uiPxu/gDWdYneAO4u32g40fsk\n"                                               \
    "lDB7D30x2UrU27MqvyY34m6UFfuC565Vu/n40CoawdxhW/CsH3uAXf6oNBhtq6je\n"                                               \
    "eRVoG6N3v0DDSkz4otEEKTjR6n7yHLFIY1efrpSqz1zu+wUUU/ihD802cxRhO+bA\n"                                               \
    "Eg6z6f1HAgMBAAECggEARiBu3bnCdwyVy8Z0w5GwY2B2xtj5wu2D/E3K8DMML7MI\n"                                               \
    "MkIhpAsbwHi/YU9fSNeY1dB66qaItyWP1HulWLLP20YdRI2lsoAemspW1mTzxFqC\n"                                               \
    "cYJwJmx807lnd4o17QvXfcJ/vNjzenUQY1sG2PDSymiqiFEbkP6DX1VfFONVwXTX\n"                                               \
    "iNFkgA9v2bd8V5ismC7p8MuD4ZhCts5cIfp2/ZUgzvNFoE5XtJmNvNfciR8e/Do+\n"                                               \
    "sPG3O2ouWAMkoI01ABV5s66MIqczjYusGDGkaLbAS5Y7Y5wKcUtuqRE/CMEI8h/M\n"                                               \
    "Jmu9loAFn2CIXXYOcfXpiqAt9FPBsb2TEn2fgCTegQKBgQD6Vy2DF52cQSZSxn8i\n"                                               \
    "CqimJ9G1lTHzZ0bzu+/V+d04krD+O4zfH7xFcqbUUxIB7Fa5q3l4AArRRHwWoOOa\n"                                               \
    "fOUcZp/sgjsiNF0sEJXUJ0uXDFLJqg4liPDzs/1lc4QO/lpQLEv9ffxHinYmhVgx\n"                                               \
    "XkEod7LWKh9EnvwBUgavEVmuBwKBgQDq1kSs2+PlFKRY5znOOEr9BHArKumclkc7\n"                                               \
    "2a/xdXB0y1Azr6E7cF6Gr7JeVoKMHMlUaI52ZMQLnHKpwTbPgoi/ttI4WsJtn+sq\n"                                               \
    "KKx13F7NuSbqyeH1jqb6twE3GwM925/qPyEJB33G7HajAFegOXcRZG0JaRis4d4A\n"                                               \
    "+3kjnpFmwQKBgBfkoCxl4Z4bPbwiw9mM6OHK5SIOllDj54q1wkNK8MlIfuoU5vIY\n"                                               \
    "xlBei/ux3gMe+nwIGLTSVDX68lj6jB6fkwJt7Q+WsmwmUUo2XwZ7paRKAdDLkUQV\n"                                               \
    "2OF5qVK4fr8rmZUTVUFhd+WgGny8t1km5NMm8YOtS4SyI91AZfDpmASbAoGBAOB2\n"                                               \
    "ofnfzDsAuf5INZaJdBPYFCcOw3Dqq3fnoSbYq/7W/vgIXcJkq9VtRr6pTesC8OV/\n"                                               \
    "cvxzYHgAuBDOH8fE61TkOJepGMKT4sHPUtjtJKja2vn8scB28+Ac4Ep9xWFw9a9/\n"                                               \
    "W+I3iN+E0fkHsLnzc33qUdZ24CEPW5XwyF9lh3GBAoGACzcEIsK8Wk8p5ExslNnm\n"                                               \
    "OHoSKHwHWF5WOgW8W+kinsUKY0DSO6tx450DhM0CXsxfvmPGdgqGxOR6TaumA+FK\n"                                               \
    "V6UtzZL1gHB8kuo4D0kOvI6PM10Vm8wRdKCm/UT398WMnak9IypZJnq7n4wxkTkP\n"                                               \
    "xL47ln9S8RZT6pEMVPFxeuE=\n"                                                                                       \
    "-----END PRIVATE KEY-----\n"
#define TEST_RSA3072_PEM                                                                                               \
    "-----BEGIN PRIVATE KEY-----\n"                                                                                    \
    "MIIG/gIBADANBgkqhkiG9w0BAQEFAASCBugwggbkAgEAAoIBgQCayp4Mh0r1wvEX\n"                                               \
    "Kyq6KEmX9kp6mtl41r97rHDjTuB4EslP6VxXLPBLAz33Syfd+BlMzYpz6Pue5DIX\n"                                               \
    "jqUlqHpjn62tyPaFb3mfWLyUmEbYDt2FRVHSb5nI4bhift8srvA85NqzmtuGWexr\n"                                               \
    "y1MhfO/qTEKWlGHhdkQT5wi6luKwAHYyvlZv2lzp4yq0jUdzP80aNOwx78PZfmC8\n"                                               \
    "PMPc+75w2JX0HSda0w821Os9JK+Y7lqLjkq+OSAFRk6J4uIT2+XZiGQb7U+YDI/i\n"                                               \
    "4j1Jmq2jkgPQ4Fl163hUUR871rZCZBV2QOdnwrmSdVa3JOILHoSJOnAGaJmzhWxd\n"                                               \
    "jkq8oUMXFaEn8JAFKrb+AcTKc0SWS0faezX5RSH1WVAc3BT0wTHRUP1JZkLVvJpo\n"                                               \
    "CuyosuB2P5eEDkMEPuZTyPZ9vr5zX64YKcO3moVImxaxs1YzAUpgD4yCpyGRytwG\n"                                               \
    "L7rXLpY2KjYKcJ2OJYftnEzPvqOReT0l9I2GF5CQD7IuVxOCgy8CAwEAAQKCAYAN\n"                                               \
    "Zdk9O16dHATzHOzjVQZdrVcv+oQ1Rd0oDrpsqlCahAHBtXClKQIZdAvigjJOr6E8\n"                                               \
    "+RNxSeqxi43cZR/dPRJu2gzV3G2eChKMXMlh0TZckBjTZrcY0EkOzp6/g7y8aN3p\n"                                               \
    "X2OgpRg4LkNc5ynoXaCEdppS30ADnFFzKY2jXNj9I+UXKktf/hYJtnxlSU80ZgLS\n"                                               \
    "MF97SQX6JsqnsFjBoVaP/OcpzHYyEc+gztgXoDvEsGjM6IGGqnofisDUhXtM/bzq\n"                                               \
    "W8aY1t7vbjavsdy4hgNSBMe7iNuShiMJqHulN5KSzukHefefmtqXj/CwRwoOSaWR\n"                                               \
    "mZBqMekzGqklnIySRYaqWER8T3LuZlq5XDBMR05Lre2XzfMbJv+gh1t2i7I18+JE\n"                                               \
    "nMUjzSpzZY1smmTwnJu5Taix2aEtr290NYynQX1pKJRWqQRARL2y6gxO5pvuuCTw\n"                                               \
    "0SulgTn3wrL7Bq276eNmXaujD3zKDUIxSBfJOnu/qqvjZorMgeHo+SOWqQtiYyUC\n"                                               \
    "gcEAyCMbmf+q1bWqpMGCiBNhCfOCP9l9N8qvbgX4KwgMEgMcVMhsO0ja9TSE40IZ\n"                                               \
    "uNrI9J8AH5fMEdlbEzP25u3KFv2Hxa6fX99pUNsZSkTKedQEzvI2odevWqInHwmB\n"                                               \
    "YPWvIi6Qzwox1WDZsvNJbYYTyp/C3ecAygKg+4h9yeS1mjPIHFHvMA4dcWZaQFoM\n"                                               \
    "Edjq0okfpBnK9KVVVu674i8zDM1AnRl0YL/3w9xOoM5CwEAbFBA7VVmhWAACueb6\n"                                               \
    "kLiDAoHBAMX/UGCld+Lk3oW/OtzYHI7IjlL4DYeuOC1IOl9NFVsHA4nPtoQ1tuGO\n"                                               \
    "V3hra9AIZKvpLEM6Kf1K2J4PZ0V2DbWnu6r3CS5AN+n9gRR5Xe2cXnk+iXUSvw2p\n"                                               \
    "jcVs6NgBNIqq7j7/95zqDkdjs8so/lFBvBNJIKL0WZQ6vwYeA/Hs/L20of5ahA/9\n"                                               \
    "sKTBb0G3LhHL0HafmDvFY2fCwWsHljy+SAy7655DxbVBq8LuQhO0Cs1Xr9sCYLo8\n"                                               \
    "kHttUebS5QKBwQCv1PhpAhArFiJIAaMWvj/hKElko0W6AJ7EAQaZd8ZzBLydWECO\n"                                               \
    "jWGhUHT33JkQqVcoY5EOMKUfgWDcrCjdlkiYjkH80YBAEN5MJVJAx9ND2Zwn3PFW\n"                                               \
    "m1H6RMAuKoG6l984HsUmwQQrPZ3F9KysRsGYoWfo4Qz2bfzVQIOTHxbV1WyYRPvp\n"                                               \
    "slz3xj7AjtxPyc31Dnf4Cpke+yrQ54m2HFWzh5ie7UAryDx7nVCPQueuVCP2KpSW\n"                                               \
    "VdrEn63FekLlZtUCgcEAtw+MkB7MzkIPHxekY6WIGdeCB2ICmGzS0cMS/SP217eP\n"                                               \
    "ZO5f8LL9CGQjqVmgT7JC6dLnMqznP6Hgz5qsP8Obf1W6pKJMoa+MQtI4cuaXmmXV\n"                                               \
    "z0Grs0uGyyn1wxAj4/qRSpgpOKROmoyocQbUp8SaBiTBsA8PlrpWzD7YeN5thVM4\n"                                               \
    "hmko0VN9AI/srxeNNvQXKysG7XY3OSQR+VBOphdYp4bCdMuWWDiO5jv2g37oJvFy\n"                                               \
    "f1JQbCwxpF70srlrXP+lAoHAEwv/xqZSqtbWb3NeWb6ftjFbj/XYBd7AgbwbXx58\n"                                               \
    "U/H9eZTfbDgrnPC2tZgJIyAWrOSAWgA0kLRPKN6dCWhDLtZOJEehYK//Wcq+vmJ1\n"                                               \
    "C7AKEJXN9wjGiOaovCpA4cOI+uTrCnv1nkAYCZFRo+WPA4b93yiNOLoiaJ8K9B3E\n"                                               \
    "IjgsWQ3W8nrhyV4nvz3MJSGkUXauD9BymOKWYHJY/YknPcIe2i1uHwDyMko3sF1N\n"                                               \
    "Hs6bnwo84cyKF33FIN7DCjoB\n"                                                                                       \
    "-----END PRIVATE KEY-----\n"
#define TEST_RSA4096_PEM                                                                                               \
    "-----BEGIN PRIVATE KEY-----\n"                                                                                    \
    "MIIJQgIBADANBgkqhkiG9w0BAQEFAASCCSwwggkoAgEAAoICAQC7uqUw4TY+39T2\n"                                               \
    "5oAPBZcAXah0B8WatV+JKI+tLhVwIRG35LLk8d+2OL6AdojuStssevDYpRiSa/vI\n"                                               \
    "SBLoxadEWCPlPdhcGBACiP/Wp9CR5FJ5hUieXBOvKs6Q9uYwcUoucqUttRnh6Tkt\n"                                               \
    "BDsX/9jsSAosd7l5w/SmKyxZ6n1lsmwEagZgXG+AraisIbcy8hh3pKwZaPHHAF81\n"                                               \
    "MeBBXlpCnZ3MSqSwemh7CefuNe0TOXFH021pH5E2fPgdzxEdQ+5/KAlgSE2vMgc+\n"                                               \
    "aolN4250dLOsy2rjYKZY5oKBCDk+x9MR2jZEfd7Jl2dIphidLs93bTEf49EuqX3v\n"                                               \
    "ArVYuJ5rqWEntC8Ab0gAhIIxI0oOzeE90GRSB0O/ZO5k0n9DmjZpXEXKndoiwL4T\n"                                               \
    "XJhWjDZgyZcxulHRQsUtTzZmXKnKSF3Ly2pgMd+oG9v5e2SW0+RD/1VJTtLpGEHC\n"                                               \
    "0oUpC+o0yx/hrW5kdkpb/FH5uLr/y3WTJfDaXe+jkFk6vPufgfa3BME1h2FHCjVl\n"                                               \
    "Uoh6ZFWw61a/4xYCtJ2x94lFUekI45Ax29QGj0n95SCP7Ur95Z2C8rGYIQibQiME\n"                                               \
    "WXw7IdGo3uffcnoP7rDeuUWCvChMlbmL3OCsMz+wZe4ZfKvL0XJegxXQ/TadPtnS\n"                                               \
    "BYYq0gARe8Yasw84EAlcR7ejGYUUUQIDAQABAoICABlfntg+eHCDHGvKt+BP5xr7\n"                                               \
    "jbsxGbpRbXpCazkDE462SYjLdoqPTqd4f/cpDlT29SzL6SW/GtUfl0Z4x2WC4ZrR\n"                                               \
    "NvjTJR09e1x8W+gNgplVfPhD1Y7h7x8r8AOT+4TsqxQgFsdYxQjN1xaIjdwujolR\n"                                               \
    "K17bR8x3eefDyhjVIuHN/d+S3Q3FMKT50+SAIhzWsAvry/8bOiKloDi2ZxMux5Bd\n"                                               \
    "cWidZikcQmbu7dQ6obKJfxAwOYeN5riwp3CP/kYwWloBdVL4MtfNMUF0cN6AMPu4\n"                                               \
    "klh2nhnhhFpbvaPnEqWzqImvLsqPIL+qoSEmogkMvKntrkgbKLjf28+kVBKL0Y2M\n"                                               \
    "cI1m75p0ggV4UnhEGzlo9UbOGFNbkBS+aJqNOu4pUyiQIdKGOXCrjF3RnvS0IvQ+\n"                                               \
    "Nkng6l5eT1pEUUziaXB4CWZxKmKBZMSENXcln4Gs8U6QJVQzUXccbVcOhtfx49cN\n"                                               \
    "UUQKq4FlRR3U2DYrsIJRt9w99o4OYpid7AS7Ndy0etigXQahMAgcNe43hgnH0/4t\n"                                               \
    "ssq2EFN701BZsL8ikCDvFmYIx4Fytowrn4W5akTU7rk0GEQ5B2f8qbj+mBJGdtt5\n"                                               \
    "lbQ2Ah7OyeuYPS9v/2gaX/Ku3acFyxPZdsQiu3HkDtsC7yGwowl3QgSJbPmaPXF4\n"                                               \
    "fMToD3uKudXWsnOBFt4pAoIBAQDene3R8YOzvBbvUbC7iMjdD6D/ezjMpteUnAwG\n"                                               \
    "UtNXpIDJvwItzBQ26vCTgbTDfevROm7lVgFwlPoSaU9aArlOSI1V4tCPIruTf7gI\n"                                               \
    "HzFdwIt5HGrPAHwHUFQHUHjF1qzMvAixDvxx7cGzvP001p0YNQ1iIilsScPnXqEc\n"                                               \
    "46xEssNQK9uQn0dKF9UqUBGuUMjyxZrRZkBntu9scZGw7tjT4ZIW5nsLpa4YDLwy\n"                                               \
    "dp6qNFC2ud51cLPz5DqIPgd5XM+b7bVulMs6bAyiQo8cYy5YHExmdXJyNQvjrcQl\n"                                               \
    "vCSfLsdCJYuXRKDnd+2+u0RhX70zrFT5e/SAzC7ND5K2OaCHAoIBAQDX4WcZS5u1\n"                                               \
    "7ROJSMLNRJxZA48xdo2V1sFcrlaMUZByn0ODfLTmUQWqkWB1mgECIG4AF6DtBYsE\n"                                               \
    "ttwGieP7A3blGuUGWsZhJ69LF4yPV+myZb5gxTMZ3vTX8DvgBFp530CEtcUarGUp\n"                                               \
    "khgsx001Q2jvphRsKINepDnuFyKFJCYJUMB1eZQMLszvvgGFNu0i+vbVr1zhRvqm\n"                                               \
    "39GZrztOsK35Y+m4Zf7SE+ZPQP0Hw0F82raTFsFSA0Sm65CkpdBIap6jh0MNIlcd\n"                                               \
    "ysq+nImy4K+siFnpbs/+mLo57LUDtwxN7ddcY8wF6sH0Ngbbhz5R51/1nKapcARR\n"                                               \
    "wcGqRqnrlBJnAoIBAEbQN+lTiRBwYV9JPg25iiN/qDf8i2nWHLdiGBUe3amAY5NJ\n"                                               \
    "VjkZNMjvXQ2e8dBJyuyoSMRc4mJckVuv8hTwzt9PBt5uIueVJdPaicDTo1FuQS+K\n"                                               \
    "UZN9VPbCn6gf+fr8ucT6f01LNhRLjBVPpb/cEOa1YYd41HJk2JNNr7RP2+mSb7yd\n"                                               \
    "5t8PO48fG6i1BZrMic9n+kJn407aiziUu8Jrh7+GfoEYWcWvszxlOKxYvUnpEE+/\n"                                               \
    "ujrjWerYC6JxENGTK1svd0owvKDd4/rtbzaZehF/FvJ0o64en6SSDtXuDjwwliO9\n"                                               \
    "a7T3mLNom9DTIwJSgQ3h4LnnqzQZPz3tmT6sABsCggEAM8P99+fUb7xomdvTsmsI\n"                                               \
    "XqPm20KFUu/LMBEx+bW5QHMGOmpV6oB1LmBr0+dY5IyoM+d2lD9nBXtfqUW5YECF\n"                                               \
    "awyW7H4p4bQlaYk9EEZRaJDTJNtElKiM55bYlLAWjfDFxMzddbbvDxfUKjCkR+hh\n"                                               \
    "Kk4VyZWxYqlYpsnvYiO35zXw4HqF0KIMTFSwgqQYGvI47CZ/zBk8E3XKCeMmAomF\n"                                               \
    "Pi8CJVB32SIicNCxnAHrGyhK7VxggOz9slT8Oy7zkdnXLnlJz8VzRFaTZT+eGUGd\n"                                               \
    "fm63uKz0vSUcSrWC9mAXWDx3DtVzX9vaJFgsLsnwXK1xqjClGi4dKwmeCdml9zJr\n"                                               \
    "cwKCAQEAjdcbdXiVdDd/nTpO2qMHfbuwROkdw3fJ6+L8vwmwgyr525dwHnqxSfKR\n"                                               \
    "wEuLHj+1T1oVjo5HZDvK4HilNhSLbNuONn+kCvPcME24rPlgmpejF5EjzlUgd3Od\n"                                               \
    "9JiKi7uBxRY0TRTrxZxyUD0e2CzHOxBVoP3b2vtS/EhEMqpfPeHsCn/dlgHdsbfP\n"                                               \
    "2rJb1awHLxR4LiQfjoPo/uGmLgYEPwQghTmKwBAv+14vpX+1tVxtxnvN1XgtdENG\n"                                               \
    "0FrIM75FIorD8BwwC9GgrOty5cUAExnPu//FcLdnjeI0u60CsLcN/KFwj7pDv/P8\n"                                               \
    "TIc/KcFDeoK04wwQFCru1DPIJH1sVg==\n"                                                                               \
    "-----END PRIVATE KEY-----\n"
// What is refused: too short, of another kind, with a passphrase.
#define TEST_RSA512_PEM                                                                                                \
    "-----BEGIN PRIVATE KEY-----\n"                                                                                    \
    "MIIBVwIBADANBgkqhkiG9w0BAQEFAASCAUEwggE9AgEAAkEAr/A4aAwa62QyQnR9\n"                                               \
    "rOlw31muPjF6+IjTQmtEzL3KpZfNxEoAzMSUAEwmbvuincBCANGwX3Iyy/Ys9ABm\n"                                               \
    "lX17FwIDAQABAkEAllXt3Pp7BijXyXFA8j+G81LuULZ3HWfNHTQL1edXAacJtDsU\n"                                               \
    "nWJ4vusW2iWSrFizgBcE8gh8iRdwTegH+y68AQIhAOTP60xqEd5YK+FRfc0UcMZn\n"                                               \
    "5KX7HWoZnG0S6t1D1gNvAiEAxNf3+LxEBDSwaH4Oc7xP7B/A1tujkLw06myHigkj\n"                                               \
    "jtkCIQCBU4uZCzLCS2+x0M+cBHuhiMNRlVeQyp0BgXnCSj9CfQIhAMBKTZXxq+wD\n"                                               \
    "4JSjF9Edk2GR/1qkwxr/kB21GY7RsKe5AiEAorFx/+ovWkWQjnHv2kY2y9EvLzvd\n"                                               \
    "AGD7xrSLnTL0NZk=\n"                                                                                               \
    "-----END PRIVATE KEY-----\n"
#define TEST_EC_PEM                                                                                                    \
    "-----BEGIN EC PRIVATE KEY-----\n"                                                                                 \
    "MHcCAQEEIIPPdslSrE7R9SJ/AYVls6dgnaVgIwnXGVqESDSC3WxXoAoGCCqGSM49\n"                                               \
    "AwEHoUQDQgAE8169PJ3QSm/jM2lniO6e2z5TQdVuMPqRbZO0HIUKNWrIG49TA/GD\n"                                               \
    "Vs6KdLa72c4Xp6Z92ogmCpDvHsJMZchFgg==\n"                                                                           \
    "-----END EC PRIVATE KEY-----\n"
#define TEST_ENCRYPTED_PEM                                                                                             \
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"                                                                          \
    "MIIC3TBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIIAZIMJN3ukYCAggA\n"                                               \
    "MAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAECBBBXbUjr36m6L3aArluhXTGMBIIC\n"                                               \
    "gMxnRzv7zJhR4owUaxV9dOuBlznSVNKu384PxoWe5ev3TxcFtIFFuNqLutIjJyY9\n"                                               \
    "WsHBL3hhbUpE6cj68jjyviFlVT+fTynbRHiT8P3pKT2mPx+Djp+B0lfzT5qPUOn7\n"                                               \
    "bX1bkVO8sOxbuIG3LVKpqVZlrxeWdEv+v4bmt895IzqC4yCU3CuOimmVu13+xHPP\n"                                               \
    "rhaCigmHKV/RwY1IPu8UEPSLU7W8gWbDFKO5blLu4xUxf+VECuP1FDlaTxhRtTqO\n"                                               \
    "KUpFkYLAKnhMPB7ebcLHDM2+Oa2RHueaZARtjc+z76YGNhjKDf7eMYUGe2lZl/Dm\n"                                               \
    "3fE77Li75fdQxLlRQBR8aNnwClsNySAYTA/W+CSWHojJhzPwf+CghpHXgYZhDB8f\n"                                               \
    "U4uarThVgXDvd9VP8OD2qPnkdYF0ZQYfXJN6dQ2MV0MMRf75sam1+CL0K2mWMevH\n"                                               \
    "mzJNCOBVpry0lnZjgC5sKKI1bFAQlflqd+tiuJ5DhU5z2Ss8Hx0bHOFuwhWKC8mb\n"                                               \
    "pEomb8UzE0Zl/iMH9SW89TnIPBB34acLwrH7Hb20Sstr/YKIhs09oz7jSYc0kqFC\n"                                               \
    "Wgulcg6/lk0R6BBKglJZQiTf6Y6alIsedfVX3j/xPnxnxnQKZOafP1CFfks+momn\n"                                               \
    "FhK7nMQRooa7gWK5I72gAVVKSvW0ukQ6scMfd72nQB+1DPMI4vmEX/1i3ZkmlbNx\n"                                               \
    "cWBBPO6+HYBtLAii4LONMpCTwbDyOHDx0JHd04lQnoE5ZNauky+zohexXTvjgOyt\n"                                               \
    "kfPe5BduLnGwpNwnLb9jr4qrxqLCDJqkg1WwSPLpb8Ueo4pdV2z7K0EDgqlI2u5c\n"                                               \
    "K8WsCaHpVR4QkGuPpCYlUUg=\n"                                                                                       \
    "-----END ENCRYPTED PRIVATE KEY-----\n"
